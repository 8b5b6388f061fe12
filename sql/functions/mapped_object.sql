-- ucrepl.mapped_object(peer, value, of_keys, of_values, way)
--
-- Purpose:    translates an object whose keys are ids, several of one entry joined by commas, or whose values are ids.
-- Parameters: the peer, the object, the models of keys and of values (null: they are no ids), the way, as of mapped_id.
-- Returns:    the object with the other ids. An entry is left out whose key, or one of several ids in it, is not known; a
--             value that is not known is null.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_object(
    peer integer, value jsonb, of_keys text, of_values text, way text
) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entry record;
    mapped jsonb := '{}';
BEGIN
    IF jsonb_typeof(value) <> 'object' THEN
        RETURN value;
    END IF;
    FOR entry IN SELECT e.key, e.value FROM jsonb_each(value) AS e LOOP
        IF of_keys IS NULL THEN
            NULL;
        ELSIF entry.key ~ '^[0-9]{1,18}$' THEN
            entry.key := ucrepl.mapped_id(peer, entry.key::bigint, of_keys, way)::text;
        ELSIF entry.key ~ '^[0-9]{1,18}(,[0-9]{1,18})+$' THEN
            entry.key := (
                SELECT CASE WHEN bool_and(m.id IS NOT NULL) THEN string_agg(m.id::text, ',' ORDER BY p.place) END
                FROM unnest(string_to_array(entry.key, ',')) WITH ORDINALITY AS p (part, place)
                CROSS JOIN LATERAL ucrepl.mapped_id(peer, p.part::bigint, of_keys, way) AS m (id)
            );
        END IF;
        CONTINUE WHEN entry.key IS NULL;
        IF of_values IS NOT NULL AND entry.value::text ~ '^[0-9]{1,18}$' THEN
            entry.value := coalesce(to_jsonb(ucrepl.mapped_id(peer, entry.value::bigint, of_values, way)), 'null');
        END IF;
        mapped := mapped || jsonb_build_object(entry.key, entry.value);
    END LOOP;
    RETURN mapped;
END;
$$;
