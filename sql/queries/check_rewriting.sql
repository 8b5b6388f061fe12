-- check_rewriting: the rules (CREATE RULE) that take the place of what is written to the given tables.
SELECT r.rulename::text AS rule_name, g.schema_name, g.table_name
FROM unnest(%(schemas)s::name[], %(tables)s::name[]) AS g (schema_name, table_name)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = g.schema_name
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = g.table_name
JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = c.oid
WHERE r.is_instead AND r.ev_enabled <> 'D'
ORDER BY g.schema_name, g.table_name, r.rulename;
