-- ucrepl.track(tracked, key_columns)
--
-- Purpose:    makes the triggers that capture the changes of a table, where they are missing or not as they should be.
-- Parameters: the table, and the columns that identify a row.
-- Returns:    whether anything had to be made. CREATE TRIGGER waits for the writers of the table: set lock_timeout.
-- Reads:      the catalog.
-- Writes:     ucrepl.table_name, ucrepl.tracked_table; the triggers of the table.
CREATE OR REPLACE FUNCTION ucrepl.track(tracked regclass, key_columns name[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number integer;
    arguments text;
    expected bytea;
    capture name := CASE WHEN ucrepl.has_plain_types(tracked) THEN 'capture' ELSE 'capture_pinned' END;
BEGIN
    SELECT t.table_id INTO number
    FROM ucrepl.table_name AS t
    JOIN pg_class AS c ON c.relname = t.table_name
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = t.schema_name
    WHERE c.oid = tracked;

    IF number IS NULL THEN
        INSERT INTO ucrepl.table_name (schema_name, table_name)
        SELECT n.nspname, c.relname
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = tracked
        RETURNING table_id INTO number;
    END IF;

    expected := convert_to(number::text, 'UTF8') || '\x00';
    FOR i IN 1 .. cardinality(key_columns) LOOP
        expected := expected || convert_to(key_columns[i]::text, getdatabaseencoding()) || '\x00';
    END LOOP;
    IF (
        SELECT count(*) = 3
        FROM pg_trigger AS t
        WHERE t.tgrelid = tracked AND t.tgenabled = 'O' AND t.tgqual IS NULL
            AND (
                (
                    t.tgname IN ('0_ucrepl_capture', 'ucrepl_capture_delete')
                    AND t.tgargs = expected
                    AND t.tgfoid = format('ucrepl.%I()', capture)::regprocedure
                )
                OR (t.tgname = 'ucrepl_capture_truncate' AND t.tgargs = convert_to(number::text, 'UTF8') || '\x00')
            )
    ) THEN
        RETURN false;
    END IF;

    PERFORM ucrepl.drop_triggers(tracked);
    arguments := (SELECT string_agg(quote_literal(a), ', ') FROM unnest(number::text || key_columns::text[]) AS a);
    -- Its name sorts before those of PostgreSQL's own triggers: an update of a key is written before what follows from
    -- it by ON UPDATE CASCADE. What follows from a delete is written before that.
    EXECUTE format(
        'CREATE TRIGGER "0_ucrepl_capture" AFTER INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION ucrepl.%I(%s)',
        tracked, capture, arguments
    );
    EXECUTE format(
        'CREATE TRIGGER ucrepl_capture_delete AFTER DELETE ON %s FOR EACH ROW EXECUTE FUNCTION ucrepl.%I(%s)',
        tracked, capture, arguments
    );
    EXECUTE format(
        'CREATE TRIGGER ucrepl_capture_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION ucrepl.capture_truncate(%L)',
        tracked, number
    );
    INSERT INTO ucrepl.tracked_table AS t (table_id, key_columns)
    VALUES (number, track.key_columns)
    ON CONFLICT (table_id) DO UPDATE SET key_columns = excluded.key_columns;
    RETURN true;
END;
$$;
