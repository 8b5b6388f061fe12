-- ucrepl.record_change(arguments, op, old_row, new_row)
--
-- Purpose:    writes one change into the journal.
-- Parameters: arguments[0] the number of the table, arguments[1..] its key columns (as a trigger has them, counted from
--             0); op I, U or D; the images of the row, null where there is none.
-- Returns:    the number of the change.
-- Reads:      nothing.
-- Writes:     ucrepl.journal; ucrepl.tick once in 1000 changes; ucrepl.identity for an update of a key.
CREATE OR REPLACE FUNCTION ucrepl.record_change(
    arguments text[], op "char", old_row @hstore@.hstore, new_row @hstore@.hstore
) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    change_seq bigint := nextval('ucrepl.journal_seq');
    change_xid xid8 := pg_current_xact_id();
    image @hstore@.hstore := coalesce(old_row, new_row);
    row_key text := CASE cardinality(arguments)
        WHEN 2 THEN image OPERATOR(@hstore@.->) arguments[1]
        ELSE (image OPERATOR(@hstore@.->) arguments[1:])::text
    END;
    number integer := arguments[0];
BEGIN
    IF op = 'U' THEN
        image := new_row;
        new_row := new_row OPERATOR(@hstore@.-) old_row;
        old_row := old_row OPERATOR(@hstore@.-) image;
        IF new_row OPERATOR(@hstore@.?|) arguments[1:] THEN
            op := 'K';
            IF cardinality(arguments) = 2 THEN
                PERFORM ucrepl.follow_key(number, row_key, new_row OPERATOR(@hstore@.->) arguments[1]);
            END IF;
        END IF;
    END IF;

    -- One of the four parts of the ring. An INSERT into the whole would have to look for it.
    CASE (change_seq >> 20) & 3
        WHEN 0 THEN
            INSERT INTO ucrepl.journal_0 VALUES (change_seq, change_xid, number, op, row_key, old_row, new_row, clock_timestamp());
        WHEN 1 THEN
            INSERT INTO ucrepl.journal_1 VALUES (change_seq, change_xid, number, op, row_key, old_row, new_row, clock_timestamp());
        WHEN 2 THEN
            INSERT INTO ucrepl.journal_2 VALUES (change_seq, change_xid, number, op, row_key, old_row, new_row, clock_timestamp());
        ELSE
            INSERT INTO ucrepl.journal_3 VALUES (change_seq, change_xid, number, op, row_key, old_row, new_row, clock_timestamp());
    END CASE;

    IF change_seq % 1000 = 0 THEN
        PERFORM ucrepl.make_tick(change_seq);
    END IF;
    IF current_setting('ucrepl.notified', true) IS DISTINCT FROM change_xid::text THEN
        PERFORM ucrepl.wake_readers(change_xid);
    END IF;
    RETURN change_seq;
END;
$$;
