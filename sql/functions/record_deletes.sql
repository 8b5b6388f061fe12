-- ucrepl.record_deletes(relation, arguments)
--
-- Purpose:    writes the delete of each row of a relation into the journal, that is about to be truncated.
-- Parameters: the relation; arguments as for ucrepl.record_change.
-- Returns:    nothing.
-- Reads:      the relation.
-- Writes:     ucrepl.journal, through ucrepl.record_change; ucrepl.uncaptured, where rows may not have been seen: a
--             transaction with a snapshot of its own truncates also those that are newer than that.
CREATE OR REPLACE FUNCTION ucrepl.record_deletes(relation regclass, arguments text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
BEGIN
    BEGIN
        EXECUTE format(
            'SELECT count(CASE WHEN pg_column_size(t.*) < 1048576'
            ' THEN ucrepl.record_change($1, ''D'', ucrepl.pinned_image(t.*), NULL)'
            ' ELSE ucrepl.record_large_change($2, $1, ''D'', t.*, NULL) END)'
            ' FROM ONLY %s AS t',
            relation
        ) USING arguments, relation;
    EXCEPTION
        WHEN insufficient_privilege OR program_limit_exceeded OR out_of_memory OR internal_error THEN
            PERFORM ucrepl.note_uncaptured(arguments[0]::integer, NULL, NULL, 'truncated');
    END;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM ucrepl.note_uncaptured(arguments[0]::integer, NULL, NULL, 'truncated');
    END IF;
END;
$$;
