-- numbered_tables: the numbers that a node gives to tables, with the names that these have now.
--
-- is_here: it is a table of the node itself. was_dropped: it was one.
SELECT
    t.table_id AS number,
    coalesce(n.nspname, t.schema_name) AS schema_name,
    coalesce(c.relname, t.table_name) AS table_name,
    c.oid IS NOT NULL AS is_here,
    t.dropped_at IS NOT NULL OR (t.relation IS NOT NULL AND c.oid IS NULL) AS was_dropped
FROM ucrepl.table_name AS t
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.relation AND c.relkind IN ('r', 'p')
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY t.table_id;
