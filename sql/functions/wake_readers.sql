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
--
-- It runs with its owner's rights and the writer's search_path: see ucrepl.capture(). What it calls it assigns: PERFORM
-- would run a query.
CREATE OR REPLACE FUNCTION ucrepl.wake_readers(writer pg_catalog.xid8) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    setting pg_catalog.text := pg_catalog.set_config('ucrepl.notified', writer::pg_catalog.text, true);
BEGIN
    setting := pg_catalog.current_setting('ucrepl.notify', true);
    IF coalesce(setting, '') OPERATOR(pg_catalog.=) '' THEN
        setting := CASE
            WHEN pg_catalog.current_setting('max_prepared_transactions') OPERATOR(pg_catalog.=) '0' THEN 'on'
        END;
    END IF;
    IF setting OPERATOR(pg_catalog.=) 'on' THEN
        setting := pg_catalog.pg_notify('ucrepl', '') IS NULL;
    END IF;
END;
$$;
