-- ucrepl.note_uncaptured(table_number, row_key, left_out, because)
--
-- Purpose:    writes down that a change is not in the journal, or not wholly, for ucrepl resync.
-- Parameters: the number of the table; the key of the row and the columns that are left out, null where they are not known;
--             why: large, truncated or earlier.
-- Returns:    null.
-- Reads:      nothing. On a node that is closed a number of the journal is below zero, and this write is refused, too.
-- Writes:     ucrepl.uncaptured.
CREATE OR REPLACE FUNCTION ucrepl.note_uncaptured(
    table_number integer, row_key text, left_out text[], because text
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF nextval('ucrepl.journal_seq') < 0 THEN
        PERFORM ucrepl.refuse_write();
    END IF;
    INSERT INTO ucrepl.uncaptured (table_id, key, columns, reason) VALUES (table_number, row_key, left_out, because);
    RETURN NULL;
END;
$$;
