-- triggers: the tables that carry our triggers, of partitions the whole table.
SELECT DISTINCT coalesce(pg_catalog.pg_partition_root(t.tgrelid), t.tgrelid)::regclass::text AS tracked
FROM pg_catalog.pg_trigger AS t
WHERE t.tgname ~ '^(0_)?ucrepl_' AND t.tgparentid = 0
ORDER BY tracked;
