-- ucrepl.capture_pinned()
--
-- Purpose:    row trigger like ucrepl.capture(), of a table with types whose text depends on more settings.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name, tg_argv[1..] its key columns.
-- Returns:    null (the result of an AFTER trigger is not used).
-- Reads:      nothing.
-- Writes:     ucrepl.journal, through ucrepl.record_change.
CREATE OR REPLACE FUNCTION ucrepl.capture_pinned() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seq bigint;
BEGIN
    IF ucrepl.is_replay()
        OR pg_partition_root(tg_relid) IS NOT NULL AND ucrepl.is_captured_by_root(tg_relid, tg_name)
    THEN
        RETURN NULL;
    END IF;
    IF (coalesce(pg_column_size(old), 0) | coalesce(pg_column_size(new), 0)) >> 20 <> 0 THEN
        IF ucrepl.can_be_passed(pg_column_size(old), pg_column_size(new)) THEN
            seq := ucrepl.record_large_change(tg_relid, tg_argv, left(tg_op, 1)::"char", old, new);
        ELSE
            seq := ucrepl.note_uncaptured(tg_argv[0]::integer, NULL, NULL, 'large');
        END IF;
    ELSIF tg_op = 'UPDATE' THEN
        seq := ucrepl.record_change(tg_argv, 'U', ucrepl.pinned_image(old), ucrepl.pinned_image(new));
    ELSIF tg_op = 'INSERT' THEN
        seq := ucrepl.record_change(tg_argv, 'I', NULL, ucrepl.pinned_image(new));
    ELSE
        seq := ucrepl.record_change(tg_argv, 'D', ucrepl.pinned_image(old), NULL);
    END IF;
    RETURN NULL;
END;
$$;
