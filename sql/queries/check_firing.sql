-- check_firing: the triggers on the given tables, but for ours and PostgreSQL's own, that fire for changes of this session.
--
-- before: it is called before a row is written, and can change the row or drop it.
SELECT
    t.tgname::text AS trigger_name,
    g.schema_name,
    g.table_name,
    (t.tgtype & 3) = 3 AS before
FROM unnest(%(schemas)s::name[], %(tables)s::name[]) AS g (schema_name, table_name)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = g.schema_name
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = g.table_name
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = c.oid
WHERE NOT t.tgisinternal
    AND t.tgname !~ '^(0_)?ucrepl_'
    AND t.tgenabled IN ('A', CASE current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END)
ORDER BY g.schema_name, g.table_name, t.tgname;
