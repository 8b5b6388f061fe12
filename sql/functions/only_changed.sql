-- ucrepl.only_changed(was, sent)
--
-- Purpose:    leaves out what an update of a column that is merged key by key does not change, for it needs no translation: a
--             query that the planner makes part of a statement about many rows.
-- Parameters: the column's old and new value.
-- Returns:    one row with both, without the keys that have the same value in both; as they are where one is no object.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.only_changed(was jsonb, sent jsonb) RETURNS TABLE (old jsonb, new jsonb)
LANGUAGE sql STABLE
AS $$
    SELECT
        CASE
            WHEN jsonb_typeof(was) = 'object' AND jsonb_typeof(sent) = 'object' THEN (
                SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
                FROM jsonb_each(was) AS e
                WHERE (sent -> e.key) IS DISTINCT FROM e.value
            )
            ELSE was
        END,
        CASE
            WHEN jsonb_typeof(was) = 'object' AND jsonb_typeof(sent) = 'object' THEN (
                SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
                FROM jsonb_each(sent) AS e
                WHERE (was -> e.key) IS DISTINCT FROM e.value
            )
            ELSE sent
        END
$$;
