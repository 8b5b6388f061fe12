-- ucrepl.capture_truncate()
--
-- Purpose:    statement trigger that writes a TRUNCATE into the journal.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name.
-- Returns:    null.
-- Reads:      nothing.
-- Writes:     ucrepl.journal.
CREATE OR REPLACE FUNCTION ucrepl.capture_truncate() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO ucrepl.journal (seq, xid, table_id, op, at)
    VALUES (nextval('ucrepl.journal_seq'), pg_current_xact_id(), tg_argv[0]::integer, 'T', clock_timestamp());
    PERFORM ucrepl.wake_readers(pg_current_xact_id());
    RETURN NULL;
END;
$$;
