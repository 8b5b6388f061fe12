-- ucrepl.capture()
--
-- Purpose:    row trigger that writes one change into the journal. It is the same for every table.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name, tg_argv[1..] its key columns.
-- Returns:    null (the result of an AFTER trigger is not used).
-- Reads:      nothing.
-- Writes:     ucrepl.journal, through ucrepl.record_change.
--
-- The settings pinned on the function make the text of a value the same, whatever the writer's session has set.
-- PostgreSQL compiles a trigger function once for each trigger and session, and plans each of its expressions when it
-- comes to it: it is short, what is long is shared, and each kind of change has an expression of its own.
CREATE OR REPLACE FUNCTION ucrepl.capture() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
AS $$
DECLARE
    seq bigint;
BEGIN
    IF tg_op = 'UPDATE' THEN
        seq := ucrepl.record_change(tg_argv, 'U', @hstore@.hstore(old), @hstore@.hstore(new));
    ELSIF tg_op = 'INSERT' THEN
        seq := ucrepl.record_change(tg_argv, 'I', NULL, @hstore@.hstore(new));
    ELSE
        seq := ucrepl.record_change(tg_argv, 'D', @hstore@.hstore(old), NULL);
    END IF;
    RETURN NULL;
END;
$$;
