-- ucrepl.capture_totals_truncate()
--
-- Purpose:    statement trigger that writes a TRUNCATE of a table whose rows are totals into the journal, as the delete of
--             each row: what they were the totals of is known before it only. Of a partitioned table the partitions do it.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name.
-- Returns:    null.
-- Reads:      ucrepl.tracked_table; the table.
-- Writes:     ucrepl.journal, through ucrepl.record_deletes.
--
-- On a node that is closed a number of the journal is below zero, as in ucrepl.capture_truncate_part().
CREATE OR REPLACE FUNCTION ucrepl.capture_totals_truncate() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ucrepl.is_replay() THEN
        RETURN NULL;
    END IF;
    IF nextval('ucrepl.journal_seq') < 0 THEN
        PERFORM ucrepl.refuse_write();
    END IF;
    PERFORM ucrepl.record_deletes(tg_relid, ucrepl.capture_arguments(tg_relid));
    RETURN NULL;
END;
$$;
