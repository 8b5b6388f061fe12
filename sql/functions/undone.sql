-- ucrepl.undone(sent, was, paths)
--
-- Purpose:    takes the keys that lose a conflict out of an update of a column that is merged key by key.
-- Parameters: the source's new value and its old one; the paths of what loses, each as a text.
-- Returns:    the new value, in which they are as they were.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.undone(sent jsonb, was jsonb, paths text[]) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(
        (
            SELECT jsonb_object_agg(m.key, m.value)
            FROM (
                SELECT
                    coalesce(o.key, n.key) AS key,
                    CASE WHEN ARRAY[coalesce(o.key, n.key)]::text = ANY (paths) THEN o.value ELSE n.value END AS value
                FROM jsonb_each(CASE jsonb_typeof(was) WHEN 'object' THEN was - E'\x1f' END) AS o
                FULL JOIN jsonb_each(CASE jsonb_typeof(sent) WHEN 'object' THEN sent END) AS n ON n.key = o.key
            ) AS m
            WHERE m.value IS NOT NULL
        ),
        CASE WHEN '{}' = ANY (paths) THEN ucrepl.at_path(was, '{}') ELSE ucrepl.at_path(sent, '{}') END
    )
$$;
