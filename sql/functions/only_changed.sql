-- ucrepl.only_changed(value, other)
--
-- Purpose:    leaves out what an update of a column that is merged key by key does not change: it needs no translation.
-- Parameters: the new value and the old one, or the other way round.
-- Returns:    the first without the keys that have the same value in both; as it is where it is no object.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.only_changed(value jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN jsonb_typeof(value) = 'object' AND jsonb_typeof(other) = 'object' THEN (
            SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
            FROM jsonb_each(value) AS e
            WHERE (other -> e.key) IS DISTINCT FROM e.value
        )
        ELSE value
    END
$$;
