-- ucrepl.fits(here, was, sent)
--
-- Purpose:    whether an update of a column that is merged key by key meets no other change: of each key that it changes
--             the old value or the new one is here.
-- Parameters: the value here; the source's old and new one, translated.
-- Returns:    whether that is so.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.fits(here jsonb, was jsonb, sent jsonb) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT NOT EXISTS (
        SELECT
        FROM ucrepl.changed_members(was, sent) AS m
        WHERE ucrepl.at_path(here, m.path) IS DISTINCT FROM ucrepl.at_path(m.old, m.path)
            AND ucrepl.at_path(here, m.path) IS DISTINCT FROM ucrepl.at_path(m.new, m.path)
    )
$$;
