-- ucrepl.capture()
--
-- Purpose:    row trigger that writes one change into the journal, of a table whose values have types as Odoo uses them.
-- Parameters: tg_argv[0] the number of the table in ucrepl.table_name, tg_argv[1..] its key columns.
-- Returns:    null (the result of an AFTER trigger is not used).
-- Reads:      nothing.
-- Writes:     ucrepl.journal, through ucrepl.record_change.
--
-- The text of a value must be the same whatever the writer's session has set. Pinning settings on the function would do
-- it, and takes longer than all the rest: they are set and reset for each row. So ucrepl.record_change looks at what the
-- session's settings make of a value, and says where images have to be made anew with the settings pinned.
-- No search_path is pinned either, though the function has its owner's rights: each name and each operator here and in
-- ucrepl.record_change says its schema; CASE x WHEN and IS DISTINCT FROM, which look for an operator, are not used.
-- A change made by replay (ucrepl.is_replay) is not captured, nor what follows from it by a foreign key. Neither this nor
-- that an update changes anything is a condition of the trigger (WHEN): PostgreSQL would read and plan it again for each
-- statement, which takes longer than to call the function.
-- What is seldom is done where the one expression gives 0, so that it is not prepared with it: a partition may have two of
-- our triggers, of which one captures (ucrepl.is_captured_by_root); a row of 1 MB and more, in the size in which it is
-- stored, may have values of which no image can be made (ucrepl.record_large_change).
-- PostgreSQL compiles a trigger function once for each trigger and session, and prepares each of its expressions once a
-- transaction. Between two statements of a writer all that has left the caches of the processor. So there is one
-- expression here, the same for inserts and updates, and all else is in ucrepl.record_change, which the tables share.
CREATE OR REPLACE FUNCTION ucrepl.capture() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
AS $$
BEGIN
    IF (
        CASE
            WHEN CASE
                WHEN pg_catalog.current_setting('ucrepl.origin', true) OPERATOR(pg_catalog.<>) ''
                    THEN pg_catalog.pg_has_role(session_user, current_user, 'MEMBER')
            END THEN NULL
            WHEN pg_catalog.pg_partition_root(tg_relid) IS NOT NULL OR (
                coalesce(pg_catalog.pg_column_size(old), 0) OPERATOR(pg_catalog.|) coalesce(pg_catalog.pg_column_size(new), 0)
            ) OPERATOR(pg_catalog.>>) 20 OPERATOR(pg_catalog.<>) 0 THEN 0
            ELSE ucrepl.record_change(
                tg_argv,
                pg_catalog.left(tg_op, 1)::pg_catalog."char",
                CASE WHEN tg_op OPERATOR(pg_catalog.<>) 'INSERT' THEN @hstore@.hstore(old) END,
                CASE WHEN tg_op OPERATOR(pg_catalog.<>) 'DELETE' THEN @hstore@.hstore(new) END,
                false
            )
        END
    ) OPERATOR(pg_catalog.=) 0 THEN
        IF pg_catalog.pg_partition_root(tg_relid) IS NOT NULL AND ucrepl.is_captured_by_root(tg_relid, tg_name) THEN
            RETURN NULL;
        ELSIF NOT ucrepl.can_be_passed(pg_catalog.pg_column_size(old), pg_catalog.pg_column_size(new)) THEN
            PERFORM ucrepl.note_uncaptured(tg_argv[0]::integer, NULL, NULL, 'large');
        ELSIF (
            coalesce(pg_catalog.pg_column_size(old), 0) OPERATOR(pg_catalog.|) coalesce(pg_catalog.pg_column_size(new), 0)
        ) OPERATOR(pg_catalog.>>) 20 OPERATOR(pg_catalog.<>) 0 THEN
            PERFORM ucrepl.record_large_change(
                tg_relid, tg_argv, pg_catalog.left(tg_op, 1)::pg_catalog."char", old, new
            );
        ELSE
            PERFORM ucrepl.record_change(
                tg_argv,
                pg_catalog.left(tg_op, 1)::pg_catalog."char",
                CASE WHEN tg_op OPERATOR(pg_catalog.<>) 'INSERT' THEN ucrepl.pinned_image(old) END,
                CASE WHEN tg_op OPERATOR(pg_catalog.<>) 'DELETE' THEN ucrepl.pinned_image(new) END
            );
        END IF;
    END IF;
    RETURN NULL;
END;
$$;
