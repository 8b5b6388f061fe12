-- ucrepl.unresolved(table_name, column_name, remote_value)
--
-- Purpose:    stops a statement that would write a reference for which no local record is known.
-- Parameters: the table and the column of the reference, and its value on the source.
-- Returns:    never; raises UC001. The change is then parked with the reference named.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.unresolved(table_name text, column_name text, remote_value text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'UC001',
        MESSAGE = format('no local record is known for %s.%s = %s of the source', table_name, column_name, remote_value);
END;
$$;
