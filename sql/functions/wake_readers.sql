-- ucrepl.wake_readers(writer)
--
-- Purpose:    notifies the daemons that read this journal, once a transaction.
-- Parameters: writer the current transaction.
-- Returns:    nothing.
-- Reads:      nothing.
-- Writes:     nothing; the setting ucrepl.notified of this transaction.
--
-- A transaction that has notified can't be prepared for two-phase commit. So nobody is notified where such transactions
-- are possible, unless the setting ucrepl.notify says `on`; `off` does without anywhere. The readers then find the
-- changes when they look by themselves (poll_seconds).
CREATE OR REPLACE FUNCTION ucrepl.wake_readers(writer xid8) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('ucrepl.notified', writer::text, true);
    IF coalesce(
        nullif(current_setting('ucrepl.notify', true), ''),
        CASE current_setting('max_prepared_transactions') WHEN '0' THEN 'on' ELSE 'off' END
    ) = 'on' THEN
        PERFORM pg_notify('ucrepl', '');
    END IF;
END;
$$;
