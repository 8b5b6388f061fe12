-- ucrepl.capture()
--
-- Purpose:    row trigger that writes one change into the journal. It is the same for every table.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name, tg_argv[1..] its key columns.
-- Returns:    null (the result of an AFTER trigger is not used).
-- Reads:      nothing.
-- Writes:     ucrepl.journal; ucrepl.tick once in 1000 changes.
--
-- The settings pinned on the function make the text of a value the same, whatever the writer's session has set.
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
    change_seq bigint := nextval('ucrepl.journal_seq');
    change_xid xid8 := pg_current_xact_id();
    change_op "char" := 'U';
    old_row @hstore@.hstore;
    new_row @hstore@.hstore;
    changed @hstore@.hstore;
    row_key text;
BEGIN
    IF tg_op = 'INSERT' THEN
        change_op := 'I';
        changed := @hstore@.hstore(new);
        row_key := CASE tg_nargs
            WHEN 2 THEN changed OPERATOR(@hstore@.->) tg_argv[1]
            ELSE (changed OPERATOR(@hstore@.->) tg_argv[1:])::text
        END;
    ELSE
        old_row := @hstore@.hstore(old);
        row_key := CASE tg_nargs
            WHEN 2 THEN old_row OPERATOR(@hstore@.->) tg_argv[1]
            ELSE (old_row OPERATOR(@hstore@.->) tg_argv[1:])::text
        END;
        IF tg_op = 'DELETE' THEN
            change_op := 'D';
        ELSE
            new_row := @hstore@.hstore(new);
            changed := new_row OPERATOR(@hstore@.-) old_row;
            old_row := old_row OPERATOR(@hstore@.-) new_row;
            IF changed OPERATOR(@hstore@.?|) tg_argv[1:] THEN
                change_op := 'K';
            END IF;
        END IF;
    END IF;

    INSERT INTO ucrepl.journal (seq, xid, table_id, op, key, old, new, at)
    VALUES (change_seq, change_xid, tg_argv[0]::integer, change_op, row_key, old_row, changed, clock_timestamp());

    IF change_seq % 1000 = 0 THEN
        PERFORM ucrepl.make_tick(change_seq);
    END IF;
    IF current_setting('ucrepl.notified', true) IS DISTINCT FROM change_xid::text THEN
        PERFORM ucrepl.wake_readers(change_xid);
    END IF;
    RETURN NULL;
END;
$$;
