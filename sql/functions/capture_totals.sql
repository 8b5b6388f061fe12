-- ucrepl.capture_totals()
--
-- Purpose:    row trigger like ucrepl.capture_pinned(), of a table whose rows are totals. Of an update the whole old row is
--             recorded: what is added to or taken from depends on columns that it leaves as they are.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name, tg_argv[1..] its key columns.
-- Returns:    null (the result of an AFTER trigger is not used).
-- Reads:      nothing.
-- Writes:     ucrepl.journal, through ucrepl.record_change.
CREATE OR REPLACE FUNCTION ucrepl.capture_totals() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seq bigint;
    old_row @hstore@.hstore;
BEGIN
    IF ucrepl.is_replay()
        OR pg_partition_root(tg_relid) IS NOT NULL AND ucrepl.is_captured_by_root(tg_relid, tg_name)
    THEN
        RETURN NULL;
    END IF;
    IF tg_op = 'UPDATE' THEN
        -- It takes what both images have alike out of the old one: nothing, where the new one has only what has changed.
        old_row := ucrepl.pinned_image(old);
        seq := ucrepl.record_change(tg_argv, 'U', old_row, ucrepl.pinned_image(new) OPERATOR(@hstore@.-) old_row);
    ELSIF tg_op = 'INSERT' THEN
        seq := ucrepl.record_change(tg_argv, 'I', NULL, ucrepl.pinned_image(new));
    ELSE
        seq := ucrepl.record_change(tg_argv, 'D', ucrepl.pinned_image(old), NULL);
    END IF;
    RETURN NULL;
END;
$$;
