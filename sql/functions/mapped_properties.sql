-- ucrepl.mapped_properties(peer, value, definition, way)
--
-- Purpose:    translates the properties of a record: those that refer to records by their definition.
-- Parameters: the peer, the properties by their names, their definition in the container, the way, as of mapped_id.
-- Returns:    the properties with the other ids; a record that is not known is false, or left out of a list. A number, or
--             a list of numbers, of which no definition tells what it is, is left out.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_properties(
    peer integer, value jsonb, definition jsonb, way text
) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known jsonb := CASE WHEN jsonb_typeof(definition) = 'array' THEN definition ELSE '[]' END;
BEGIN
    IF jsonb_typeof(value) <> 'object' THEN
        RETURN value;
    END IF;
    RETURN (
        SELECT coalesce(jsonb_object_agg(e.key, m.value) FILTER (WHERE m.value IS NOT NULL), '{}')
        FROM jsonb_each(value) AS e
        LEFT JOIN LATERAL (
            SELECT d.one ->> 'type' AS type, d.one ->> 'comodel' AS model
            FROM jsonb_array_elements(known) AS d (one)
            WHERE d.one ->> 'name' = e.key
            LIMIT 1
        ) AS d ON true
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN d.type IN ('many2one', 'many2many') THEN ucrepl.mapped_property(peer, e.value, d.model, way)
                WHEN d.type IS NULL AND way <> 'back' AND e.value::text ~ '^(\[?[0-9]+(, [0-9]+)*\]?)$' THEN NULL
                ELSE e.value
            END
        ) AS m (value)
    );
END;
$$;
