-- ucrepl.record_change(arguments, op, old_row, new_row)
--
-- Purpose:    writes one change into the journal. An update that changes nothing is not a change.
-- Parameters: arguments[0] the number of the table, arguments[1..] its key columns (as a trigger has them, counted from
--             0); op I, U or D; the images of the row, null where there is none.
-- Returns:    the number of the change, null where there is none.
-- Reads:      nothing.
-- Writes:     ucrepl.journal; ucrepl.tick once in 1000 changes; ucrepl.identity for an update of a key.
--
-- It runs with its owner's rights and the writer's search_path: see ucrepl.capture().
CREATE OR REPLACE FUNCTION ucrepl.record_change(
    arguments text[], op "char", old_row @hstore@.hstore, new_row @hstore@.hstore
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
    image @hstore@.hstore;
BEGIN
    IF op OPERATOR(pg_catalog.=) 'U' THEN
        image := new_row;
        new_row := new_row OPERATOR(@hstore@.-) old_row;
        IF new_row OPERATOR(@hstore@.=) '' THEN
            RETURN NULL;
        END IF;
        old_row := old_row OPERATOR(@hstore@.-) image;
        IF new_row OPERATOR(@hstore@.?|) arguments[1:] THEN
            op := 'K';
            IF arguments[2] IS NULL THEN
                PERFORM ucrepl.follow_key(table_number, row_key, new_row OPERATOR(@hstore@.->) arguments[1]);
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

    -- One expression for what is seldom to be done: PostgreSQL prepares each of them once a transaction.
    IF change_seq OPERATOR(pg_catalog.%) 1000 OPERATOR(pg_catalog.=) 0
        OR coalesce(pg_catalog.current_setting('ucrepl.notified', true), '')
            OPERATOR(pg_catalog.<>) change_xid::pg_catalog.text
    THEN
        IF change_seq OPERATOR(pg_catalog.%) 1000 OPERATOR(pg_catalog.=) 0 THEN
            PERFORM ucrepl.make_tick(change_seq);
        END IF;
        PERFORM ucrepl.wake_readers(change_xid);
    END IF;
    RETURN change_seq;
END;
$$;
