-- ucrepl.drop_triggers(tracked)
--
-- Purpose:    takes our triggers off a table and its partitions.
-- Parameters: the table.
-- Returns:    nothing.
-- Reads:      the catalog.
-- Writes:     the triggers.
CREATE OR REPLACE FUNCTION ucrepl.drop_triggers(tracked regclass) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ours record;
BEGIN
    FOR ours IN
        SELECT t.tgname, t.tgrelid::regclass AS relation
        FROM pg_trigger AS t
        WHERE (t.tgrelid = tracked OR t.tgrelid IN (SELECT p.relid FROM pg_partition_tree(tracked) AS p))
            AND t.tgname ~ '^(0_)?ucrepl_' AND t.tgparentid = 0
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', ours.tgname, ours.relation);
    END LOOP;
END;
$$;
