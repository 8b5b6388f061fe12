-- ucrepl.capture_rows(tracked, key_columns)
--
-- Purpose:    writes the rows that a table has into the journal, as if they were inserted now.
-- Parameters: a table that ucrepl.track() knows, the columns that identify a row.
-- Returns:    how many rows.
-- Reads:      the table. Nobody may write to it meanwhile: the caller has just made its triggers.
-- Writes:     ucrepl.journal, through ucrepl.record_change; ucrepl.uncaptured.
CREATE OR REPLACE FUNCTION ucrepl.capture_rows(tracked regclass, key_columns name[]) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written bigint;
BEGIN
    EXECUTE format(
        'SELECT count(CASE WHEN pg_column_size(t.*) < 1048576'
        ' THEN ucrepl.record_change($1, ''I'', NULL, ucrepl.pinned_image(t.*))'
        ' ELSE ucrepl.record_large_change($2, $1, ''I'', NULL, t.*) END) FROM %s %s AS t',
        CASE WHEN (SELECT c.relkind FROM pg_class AS c WHERE c.oid = tracked) = 'r' THEN 'ONLY' ELSE '' END,
        tracked
    )
    INTO written
    USING ucrepl.capture_arguments(tracked), tracked;
    DELETE FROM ucrepl.uncaptured AS u WHERE u.table_id = ucrepl.table_number(tracked) AND u.reason = 'earlier';
    RETURN written;
END;
$$;
