-- ucrepl.record_change(arguments, op, old_row, new_row, pinned)
--
-- Purpose:    writes one change into the journal. An update that changes nothing is not a change.
-- Parameters: arguments[0] the number of the table, arguments[1..] its key columns (as a trigger has them, counted from
--             0); op I, U, D or T; the images of the row, null where there is none; whether they were made with the
--             settings of ucrepl.pinned_image, or not and the session's settings have to be looked at.
-- Returns:    the number of the change, null where there is none; 0 where nothing was written because the images have to
--             be made by ucrepl.pinned_image.
-- Reads:      nothing.
-- Writes:     ucrepl.journal; ucrepl.tick once in 1000 changes; ucrepl.identity for an update of a key; the setting
--             ucrepl.notified of this transaction.
--
-- It runs with its owner's rights and the writer's search_path: see ucrepl.capture(). PostgreSQL prepares each expression
-- once a transaction, and PERFORM runs a query: what is seldom to be done has one condition, what is called is assigned.
-- The daemons that read this journal are notified once a transaction. One that has notified can't be prepared for
-- two-phase commit: so nobody is notified where such transactions are possible, unless the setting ucrepl.notify says
-- `on`; `off` does without anywhere. The readers then find the changes when they look by themselves (poll_seconds).
CREATE OR REPLACE FUNCTION ucrepl.record_change(
    arguments text[], op "char", old_row @hstore@.hstore, new_row @hstore@.hstore, pinned boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    change_seq bigint;
    table_number integer := arguments[0];
    written_at pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    change_xid pg_catalog.xid8 := pg_catalog.pg_current_xact_id();
    row_key pg_catalog.text := CASE
        WHEN arguments[2] IS NULL THEN coalesce(old_row, new_row) OPERATOR(@hstore@.->) arguments[1]
        ELSE (coalesce(old_row, new_row) OPERATOR(@hstore@.->) arguments[1:])::pg_catalog.text
    END;
    changed @hstore@.hstore;
    setting pg_catalog.text;
BEGIN
    -- On no other settings than these do the plain types depend (ucrepl.has_plain_types).
    IF NOT pinned
        AND pg_catalog.concat(
            '2001-02-03'::pg_catalog.date,
            '0.30000000000000004'::pg_catalog.float8,
            pg_catalog.decode('01', 'hex')
        ) OPERATOR(pg_catalog.<>) (
            '2001-02-030.30000000000000004' OPERATOR(pg_catalog.||) pg_catalog.chr(92) OPERATOR(pg_catalog.||) 'x01'
        )
    THEN
        RETURN 0;
    END IF;
    IF op OPERATOR(pg_catalog.=) 'U' THEN
        changed := new_row OPERATOR(@hstore@.-) old_row;
        IF changed OPERATOR(@hstore@.=) '' THEN
            RETURN NULL;
        END IF;
        old_row := old_row OPERATOR(@hstore@.-) new_row;
        new_row := changed;
        IF changed OPERATOR(@hstore@.?|) arguments[1:] THEN
            op := 'K';
            IF arguments[2] IS NULL THEN
                PERFORM ucrepl.follow_key(table_number, row_key, changed OPERATOR(@hstore@.->) arguments[1]);
            END IF;
        END IF;
    END IF;
    change_seq := pg_catalog.nextval('ucrepl.journal_seq'::pg_catalog.regclass);

    -- One of the four parts of the ring. An INSERT into the whole would have to look for it.
    IF (change_seq OPERATOR(pg_catalog.>>) 20) OPERATOR(pg_catalog.&) 3 OPERATOR(pg_catalog.=) 0 THEN
        INSERT INTO ucrepl.journal_0 VALUES (
            change_seq, change_xid, table_number, op, row_key, old_row, new_row, written_at
        );
    ELSIF (change_seq OPERATOR(pg_catalog.>>) 20) OPERATOR(pg_catalog.&) 3 OPERATOR(pg_catalog.=) 1 THEN
        INSERT INTO ucrepl.journal_1 VALUES (
            change_seq, change_xid, table_number, op, row_key, old_row, new_row, written_at
        );
    ELSIF (change_seq OPERATOR(pg_catalog.>>) 20) OPERATOR(pg_catalog.&) 3 OPERATOR(pg_catalog.=) 2 THEN
        INSERT INTO ucrepl.journal_2 VALUES (
            change_seq, change_xid, table_number, op, row_key, old_row, new_row, written_at
        );
    ELSE
        INSERT INTO ucrepl.journal_3 VALUES (
            change_seq, change_xid, table_number, op, row_key, old_row, new_row, written_at
        );
    END IF;

    IF change_seq OPERATOR(pg_catalog.%) 1000 OPERATOR(pg_catalog.=) 0
        OR coalesce(pg_catalog.current_setting('ucrepl.notified', true), '')
            OPERATOR(pg_catalog.<>) change_xid::pg_catalog.text
    THEN
        IF change_seq OPERATOR(pg_catalog.%) 1000 OPERATOR(pg_catalog.=) 0 THEN
            PERFORM ucrepl.make_tick(change_seq);
        END IF;
        setting := pg_catalog.set_config('ucrepl.notified', change_xid::pg_catalog.text, true);
        setting := pg_catalog.current_setting('ucrepl.notify', true);
        IF setting OPERATOR(pg_catalog.=) 'on'
            OR coalesce(setting, '') OPERATOR(pg_catalog.=) ''
            AND pg_catalog.current_setting('max_prepared_transactions') OPERATOR(pg_catalog.=) '0'
        THEN
            setting := pg_catalog.pg_notify('ucrepl', '') IS NULL;
        END IF;
    END IF;
    RETURN change_seq;
END;
$$;
