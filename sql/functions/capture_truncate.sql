-- ucrepl.capture_truncate()
--
-- Purpose:    statement trigger that writes a TRUNCATE into the journal.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name.
-- Returns:    null.
-- Reads:      nothing.
-- Writes:     ucrepl.journal, through ucrepl.record_change.
CREATE OR REPLACE FUNCTION ucrepl.capture_truncate() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ucrepl.is_replay() THEN
        RETURN NULL;
    END IF;
    PERFORM ucrepl.record_change(tg_argv, 'T', NULL, NULL);
    RETURN NULL;
END;
$$;
