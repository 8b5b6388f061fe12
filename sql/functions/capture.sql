-- ucrepl.capture()
--
-- Purpose:    row trigger that writes one change into the journal. It is the same for every table.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name, tg_argv[1..] its key columns.
-- Returns:    null (the result of an AFTER trigger is not used).
-- Reads:      nothing.
-- Writes:     ucrepl.journal, through ucrepl.record_change.
--
-- The settings pinned on the function make the text of a value the same, whatever the writer's session has set.
-- PostgreSQL compiles a trigger function once for each table and session: it is short, what is long is shared.
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
    seq := CASE tg_op
        WHEN 'INSERT' THEN ucrepl.record_change(tg_argv, 'I', NULL, @hstore@.hstore(new))
        WHEN 'UPDATE' THEN ucrepl.record_change(tg_argv, 'U', @hstore@.hstore(old), @hstore@.hstore(new))
        ELSE ucrepl.record_change(tg_argv, 'D', @hstore@.hstore(old), NULL)
    END;
    RETURN NULL;
END;
$$;
