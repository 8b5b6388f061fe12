-- ucrepl.merged(here, was, sent, level)
--
-- Purpose:    does to a column that is merged key by key what an update of it has done on the source.
-- Parameters: the value here; the source's old and new one, translated; the level of protection: 1 keeps a value from an
--             empty one, 2 any that is not empty.
-- Returns:    the value here with the keys that differ between old and new set, or taken out. All others stay. Without any
--             key it is what the source has made of it (null, an empty object), or else what it was here.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.merged(here jsonb, was jsonb, sent jsonb, level integer) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(
        (
            SELECT jsonb_object_agg(m.key, m.value)
            FROM (
                SELECT
                    coalesce(h.key, o.key, n.key) AS key,
                    CASE
                        WHEN o.value IS NOT DISTINCT FROM n.value THEN h.value
                        WHEN level = 1 AND ucrepl.is_empty(n.value) THEN h.value
                        WHEN level = 2 AND NOT ucrepl.is_empty(h.value) THEN h.value
                        ELSE n.value
                    END AS value
                FROM jsonb_each(CASE jsonb_typeof(here) WHEN 'object' THEN here END) AS h
                FULL JOIN jsonb_each(CASE jsonb_typeof(was) WHEN 'object' THEN was - E'\x1f' END) AS o ON o.key = h.key
                FULL JOIN jsonb_each(CASE jsonb_typeof(sent) WHEN 'object' THEN sent END) AS n
                    ON n.key = coalesce(h.key, o.key)
            ) AS m
            WHERE m.value IS NOT NULL
        ),
        CASE
            WHEN ucrepl.at_path(was, '{}') IS NOT DISTINCT FROM ucrepl.at_path(sent, '{}')
                OR level = 1 AND ucrepl.is_empty(ucrepl.at_path(sent, '{}'))
                OR level = 2 AND NOT ucrepl.is_empty(ucrepl.at_path(here, '{}'))
            THEN ucrepl.at_path(here, '{}')
            ELSE ucrepl.at_path(sent, '{}')
        END
    )
$$;
