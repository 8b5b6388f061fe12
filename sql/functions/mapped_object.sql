-- ucrepl.mapped_object(peer, value, of_keys, of_values, way)
--
-- Purpose:    translates an object whose keys are ids, several of one entry joined by commas, or whose values are ids.
-- Parameters: the peer, the object, the models of keys and of values (null: they are no ids), the way, as of mapped_id.
-- Returns:    the object with the other ids. An entry whose key is not known is left out, a value that is not known is
--             null, and one of several ids of a key that is not known is left out of it.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_object(
    peer integer, value jsonb, of_keys text, of_values text, way text
) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(value) <> 'object' THEN
        RETURN value;
    END IF;
    RETURN (
        SELECT coalesce(jsonb_object_agg(k.key, v.value) FILTER (WHERE k.key IS NOT NULL), '{}')
        FROM jsonb_each(value) AS e
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN of_keys IS NULL OR e.key !~ '^[0-9]{1,18}(,[0-9]{1,18})*$' THEN e.key
                ELSE (
                    SELECT string_agg(ucrepl.mapped_id(peer, p.part::bigint, of_keys, way)::text, ',' ORDER BY p.place)
                    FROM unnest(string_to_array(e.key, ',')) WITH ORDINALITY AS p (part, place)
                )
            END
        ) AS k (key)
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN of_values IS NULL OR e.value::text !~ '^[0-9]{1,18}$' THEN e.value
                ELSE coalesce(to_jsonb(ucrepl.mapped_id(peer, e.value::text::bigint, of_values, way)), 'null')
            END
        ) AS v (value)
    );
END;
$$;
