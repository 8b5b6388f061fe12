-- ucrepl.capture_rows(tracked, key_columns)
--
-- Purpose:    writes the rows that a table has into the journal, as if they were inserted now.
-- Parameters: a table that ucrepl.track() knows, the columns that identify a row.
-- Returns:    how many rows.
-- Reads:      the table. Nobody may write to it meanwhile: the caller has just made its triggers.
-- Writes:     ucrepl.journal, through ucrepl.record_change.
CREATE OR REPLACE FUNCTION ucrepl.capture_rows(tracked regclass, key_columns name[]) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    arguments text[];
    written bigint;
BEGIN
    -- counted from 0, as those of a trigger
    SELECT format('[0:%s]=%s', cardinality(key_columns), (t.table_id::text || key_columns::text[])::text)
    INTO arguments
    FROM ucrepl.table_name AS t
    JOIN pg_class AS c ON c.relname = t.table_name
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = t.schema_name
    WHERE c.oid = tracked;
    EXECUTE format(
        'SELECT count(ucrepl.record_change($1, ''I'', NULL, ucrepl.pinned_image(t))) FROM %s %s AS t',
        CASE WHEN (SELECT c.relkind FROM pg_class AS c WHERE c.oid = tracked) = 'r' THEN 'ONLY' ELSE '' END,
        tracked
    )
    INTO written
    USING arguments;
    RETURN written;
END;
$$;
