-- ucrepl.capture_arguments(tracked)
--
-- Purpose:    what the triggers of a table are made with.
-- Parameters: a table that ucrepl.track() knows.
-- Returns:    its number and its key columns, counted from 0 as a trigger has them; null where it is not tracked.
-- Reads:      ucrepl.table_name, ucrepl.tracked_table, the catalog.
CREATE OR REPLACE FUNCTION ucrepl.capture_arguments(tracked regclass) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('[0:%s]=%s', cardinality(k.key_columns), (k.table_id::text || k.key_columns::text[])::text)
        FROM ucrepl.tracked_table AS k
        WHERE k.table_id = ucrepl.table_number(tracked)
    );
END;
$$;
