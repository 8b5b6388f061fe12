-- ucrepl.capture_truncate_part()
--
-- Purpose:    statement trigger that writes the TRUNCATE of a partition into the journal, as a delete of each of its rows:
--             elsewhere the table may be divided in another way.
-- Parameters: none. On each partition that holds rows, before it loses them.
-- Returns:    null.
-- Reads:      the partition; ucrepl.tracked_table; ucrepl.journal: where the whole table is truncated that is written
--             first, and is enough.
-- Writes:     ucrepl.journal, through ucrepl.record_deletes.
--
-- On a node that is closed a number of the journal is below zero, and nothing is truncated, also no row that this
-- transaction can't see.
CREATE OR REPLACE FUNCTION ucrepl.capture_truncate_part() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    root regclass := pg_partition_root(tg_relid);
    arguments text[];
    last_op "char";
BEGIN
    IF ucrepl.is_replay() THEN
        RETURN NULL;
    END IF;
    IF nextval('ucrepl.journal_seq') < 0 THEN
        PERFORM ucrepl.refuse_write();
    END IF;
    arguments := ucrepl.capture_arguments(root);
    SELECT j.op INTO last_op
    FROM ucrepl.journal AS j
    WHERE j.xid = pg_current_xact_id() AND j.table_id = arguments[0]::integer
    ORDER BY j.seq DESC
    LIMIT 1;
    IF arguments IS NOT NULL AND last_op IS DISTINCT FROM 'T' THEN
        PERFORM ucrepl.record_deletes(tg_relid, arguments);
    END IF;
    RETURN NULL;
END;
$$;
