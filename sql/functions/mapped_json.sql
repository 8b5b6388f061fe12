-- ucrepl.mapped_json(peer, value, places, models, way)
--
-- Purpose:    translates the ids that stand at known places in a value, however deep.
-- Parameters: the peer, the value; places (`header.{id}`, `lines.*.tax_id`: the names of members joined by dots, `*` for
--             any member or element, `{id}` for the keys) and the model of each; and the way, as of mapped_id.
-- Returns:    the value with the other ids. A key that is not known is left out, a record that is not known is false, or
--             left out of a list. A text that is an object or array itself is translated, too.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_json(
    peer integer, value jsonb, places text[], models text[], way text
) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here constant integer := array_position(places, '');
    inside jsonb;
BEGIN
    IF here IS NOT NULL THEN
        RETURN ucrepl.mapped_property(peer, value, models[here], way);
    END IF;
    CASE jsonb_typeof(value)
    WHEN 'object' THEN
        RETURN (
            SELECT coalesce(jsonb_object_agg(k.key, below.value) FILTER (WHERE k.key IS NOT NULL), '{}')
            FROM jsonb_each(value) AS e
            CROSS JOIN LATERAL (
                SELECT CASE
                    WHEN '{id}' = ANY (places) AND e.key ~ '^[0-9]{1,18}$' THEN
                        ucrepl.mapped_id(peer, e.key::bigint, models[array_position(places, '{id}')], way)::text
                    ELSE e.key
                END
            ) AS k (key)
            CROSS JOIN LATERAL ucrepl.mapped_member(peer, e.key, e.value, places, models, way) AS below (value)
        );
    WHEN 'array' THEN
        RETURN (
            SELECT coalesce(jsonb_agg(below.value ORDER BY e.place), '[]')
            FROM jsonb_array_elements(value) WITH ORDINALITY AS e (one, place)
            CROSS JOIN LATERAL ucrepl.mapped_member(peer, '*', e.one, places, models, way) AS below (value)
        );
    WHEN 'string' THEN
        IF value #>> '{}' ~ '^\s*[[{]' THEN
            BEGIN
                inside := (value #>> '{}')::jsonb;
            EXCEPTION WHEN invalid_text_representation THEN
                RETURN value;
            END;
            RETURN to_jsonb(ucrepl.mapped_json(peer, inside, places, models, way)::text);
        END IF;
        RETURN value;
    ELSE
        RETURN value;
    END CASE;
END;
$$;
