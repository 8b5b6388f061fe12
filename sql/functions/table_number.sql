-- ucrepl.table_number(tracked)
--
-- Purpose:    the number by which the journal knows a table.
-- Parameters: the table.
-- Returns:    the number; null where it has none yet.
-- Reads:      ucrepl.table_name.
CREATE OR REPLACE FUNCTION ucrepl.table_number(tracked regclass) RETURNS integer
LANGUAGE sql STABLE
AS $$
SELECT t.table_id FROM ucrepl.table_name AS t WHERE t.relation = tracked
$$;
