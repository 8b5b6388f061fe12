-- ucrepl.drop_triggers(tracked)
--
-- Purpose:    takes our triggers off a table.
-- Parameters: the table.
-- Returns:    nothing.
-- Reads:      the catalog.
-- Writes:     the triggers of the table.
CREATE OR REPLACE FUNCTION ucrepl.drop_triggers(tracked regclass) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ours name;
BEGIN
    FOR ours IN
        SELECT t.tgname FROM pg_trigger AS t
        WHERE t.tgrelid = tracked AND t.tgname ~ '^(0_)?ucrepl_' AND NOT t.tgisinternal
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', ours, tracked);
    END LOOP;
END;
$$;
