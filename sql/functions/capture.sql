-- ucrepl.capture()
--
-- Purpose:    row trigger that writes one change into the journal, of a table whose values have types as Odoo uses them.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name, tg_argv[1..] its key columns.
-- Returns:    null (the result of an AFTER trigger is not used).
-- Reads:      nothing.
-- Writes:     ucrepl.journal, through ucrepl.record_change.
--
-- The text of a value must be the same whatever the writer's session has set. Pinning settings on the function would do
-- it, and takes longer than all the rest: they are set and reset for each row. So it is looked at what the few settings
-- on which plain types depend (ucrepl.has_plain_types) make of a date, a number and a byte, and they are pinned only
-- where that is something else.
-- No search_path is pinned either, though the function has its owner's rights: each name and each operator here and in
-- ucrepl.record_change says its schema; CASE x WHEN and IS DISTINCT FROM, which look for an operator, are not used.
-- A change made by replay is not captured, nor what follows from it by a foreign key. Neither this nor that an update
-- changes anything is a condition of the trigger (WHEN): PostgreSQL would read and plan it again for each statement, which
-- takes longer than to call the function.
-- PostgreSQL compiles a trigger function once for each trigger and session, and plans each of its expressions when it
-- comes to it: it is short, what is long is shared, and each kind of change has an expression of its own.
CREATE OR REPLACE FUNCTION ucrepl.capture() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
AS $$
DECLARE
    seq bigint;
BEGIN
    -- One expression for what is seldom so: PostgreSQL prepares each of them once a transaction.
    IF pg_catalog.concat(
        pg_catalog.current_setting('ucrepl.origin', true),
        '2001-02-03'::pg_catalog.date,
        '0.30000000000000004'::pg_catalog.float8,
        pg_catalog.decode('01', 'hex')
    ) OPERATOR(pg_catalog.<>) (
        '2001-02-030.30000000000000004' OPERATOR(pg_catalog.||) pg_catalog.chr(92) OPERATOR(pg_catalog.||) 'x01'
    ) THEN
        IF pg_catalog.current_setting('ucrepl.origin', true) OPERATOR(pg_catalog.<>) '' THEN
            RETURN NULL;
        END IF;
        seq := ucrepl.record_change(
            tg_argv,
            pg_catalog.left(tg_op, 1)::pg_catalog."char",
            CASE WHEN tg_op OPERATOR(pg_catalog.<>) 'INSERT' THEN ucrepl.pinned_image(old) END,
            CASE WHEN tg_op OPERATOR(pg_catalog.<>) 'DELETE' THEN ucrepl.pinned_image(new) END
        );
    ELSIF tg_op OPERATOR(pg_catalog.=) 'INSERT' THEN
        seq := ucrepl.record_change(tg_argv, 'I', NULL, @hstore@.hstore(new));
    ELSIF tg_op OPERATOR(pg_catalog.=) 'UPDATE' THEN
        seq := ucrepl.record_change(tg_argv, 'U', @hstore@.hstore(old), @hstore@.hstore(new));
    ELSE
        seq := ucrepl.record_change(tg_argv, 'D', @hstore@.hstore(old), NULL);
    END IF;
    RETURN NULL;
END;
$$;
