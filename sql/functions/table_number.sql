-- ucrepl.table_number(tracked)
--
-- Purpose:    the number by which the journal knows a table.
-- Parameters: the table.
-- Returns:    the number; null where it has none yet.
-- Reads:      ucrepl.table_name, the catalog.
CREATE OR REPLACE FUNCTION ucrepl.table_number(tracked regclass) RETURNS integer
LANGUAGE sql STABLE
AS $$
SELECT t.table_id
FROM ucrepl.table_name AS t
JOIN pg_catalog.pg_class AS c ON c.relname = t.table_name
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = t.schema_name
WHERE c.oid = tracked
$$;
