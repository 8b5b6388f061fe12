-- ucrepl.changed_members(was, sent)
--
-- Purpose:    what an update of a column that is merged key by key changes.
-- Parameters: the column's old and new value.
-- Returns:    a row for each key whose values differ: its path, and both values as objects with this key alone, empty where
--             it has none. One more, with the path {}, where the column was an object and is none any more, or has become one.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.changed_members(was jsonb, sent jsonb)
RETURNS TABLE (path text[], old jsonb, new jsonb)
LANGUAGE sql STABLE
AS $$
    SELECT
        ARRAY[coalesce(o.key, n.key)],
        CASE WHEN o.key IS NULL THEN '{}' ELSE jsonb_build_object(o.key, o.value) END,
        CASE WHEN n.key IS NULL THEN '{}' ELSE jsonb_build_object(n.key, n.value) END
    FROM jsonb_each(CASE jsonb_typeof(was) WHEN 'object' THEN was - E'\x1f' END) AS o
    FULL JOIN jsonb_each(CASE jsonb_typeof(sent) WHEN 'object' THEN sent END) AS n ON n.key = o.key
    WHERE o.value IS DISTINCT FROM n.value
    UNION ALL
    SELECT '{}', ucrepl.at_path(was, '{}'), ucrepl.at_path(sent, '{}')
    WHERE ucrepl.at_path(was, '{}') IS DISTINCT FROM ucrepl.at_path(sent, '{}')
$$;
