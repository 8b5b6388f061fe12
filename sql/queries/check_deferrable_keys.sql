-- check_deferrable_keys: the tables with a primary key, or a unique one, that is checked at the end of a transaction only.
SELECT DISTINCT n.nspname AS schema_name, c.relname AS table_name
FROM pg_catalog.pg_constraint AS o
JOIN pg_catalog.pg_class AS c ON c.oid = o.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE o.contype IN ('p', 'u') AND o.condeferrable
ORDER BY n.nspname, c.relname;
