-- ucrepl.wake_readers(writer)
--
-- Purpose:    notifies the daemons that read this journal, once a transaction.
-- Parameters: writer the current transaction.
-- Returns:    nothing.
-- Reads:      nothing.
-- Writes:     nothing; the setting ucrepl.notified of this transaction.
CREATE OR REPLACE FUNCTION ucrepl.wake_readers(writer xid8) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('ucrepl.notified', writer::text, true);
    PERFORM pg_notify('ucrepl', '');
END;
$$;
