-- ucrepl.track(tracked, key_columns)
--
-- Purpose:    makes the triggers that capture the changes of a table, where they are missing or not as they should be.
-- Parameters: the table, and the columns that identify a row.
-- Returns:    whether anything had to be made. CREATE TRIGGER waits for the writers of the table: set lock_timeout.
-- Reads:      the catalog.
-- Writes:     ucrepl.table_name, ucrepl.tracked_table, ucrepl.former_key; the triggers of the table and of its partitions;
--             ucrepl.uncaptured, where it has rows from before that, and a link that reads the journal already.
CREATE OR REPLACE FUNCTION ucrepl.track(tracked regclass, key_columns name[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
    made boolean := false;
    is_new boolean;
BEGIN
    IF ucrepl.table_number(tracked) IS NULL THEN
        PERFORM ucrepl.follow_tables();
    END IF;
    FOR wrong IN
        SELECT t.* FROM ucrepl.capture_triggers(tracked, key_columns::text[]) AS t WHERE t.state <> 'right'
    LOOP
        IF wrong.state = 'disabled' THEN
            EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', wrong.relation, wrong.trigger_name);
        END IF;
        IF wrong.state = 'other' THEN
            EXECUTE format('DROP TRIGGER %I ON %s', wrong.trigger_name, wrong.relation);
        END IF;
        IF wrong.state <> 'disabled' AND wrong.statement IS NOT NULL THEN
            EXECUTE wrong.statement;
        END IF;
        made := true;
    END LOOP;
    IF made THEN
        -- nobody writes to the table meanwhile: its trigger is being made
        INSERT INTO ucrepl.former_key (table_id, until_seq, key_columns)
        SELECT k.table_id, s.last_value, k.key_columns
        FROM ucrepl.tracked_table AS k
        CROSS JOIN ucrepl.journal_seq AS s
        WHERE k.table_id = ucrepl.table_number(tracked) AND k.key_columns <> track.key_columns
        ON CONFLICT DO NOTHING;
        INSERT INTO ucrepl.tracked_table AS t (table_id, key_columns)
        VALUES (ucrepl.table_number(tracked), track.key_columns)
        ON CONFLICT (table_id) DO UPDATE SET key_columns = excluded.key_columns
        RETURNING t.xmax = 0 INTO is_new;
    END IF;
    IF is_new AND EXISTS (SELECT FROM ucrepl.consumer)
        AND has_table_privilege(tracked, 'SELECT') AND NOT row_security_active(tracked)
    THEN
        EXECUTE format(
            'INSERT INTO ucrepl.uncaptured (table_id, reason) SELECT $1, ''earlier'' WHERE EXISTS (SELECT FROM %s %s)',
            CASE WHEN (SELECT c.relkind FROM pg_class AS c WHERE c.oid = tracked) = 'r' THEN 'ONLY' ELSE '' END,
            tracked
        ) USING ucrepl.table_number(tracked);
    END IF;
    RETURN made;
END;
$$;
