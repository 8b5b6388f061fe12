-- triggers: the tables that carry our triggers.
SELECT DISTINCT t.tgrelid::regclass::text AS tracked
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
WHERE t.tgname ~ '^(0_)?ucrepl_' AND NOT t.tgisinternal AND NOT c.relispartition
ORDER BY tracked;
