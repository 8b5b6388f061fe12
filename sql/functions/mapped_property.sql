-- ucrepl.mapped_property(peer, value, of_model, way)
--
-- Purpose:    translates one property that refers to a record, or to several.
-- Parameters: the peer, an id or a list of ids as jsonb, the model, and the way, as of mapped_id.
-- Returns:    the same with the other ids; false for a record that is not known, which a list leaves out.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_property(peer integer, value jsonb, of_model text, way text) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(value) = 'number' THEN
        RETURN coalesce(to_jsonb(ucrepl.mapped_id(peer, value::bigint, of_model, way)), 'false');
    ELSIF jsonb_typeof(value) = 'array' AND value::text ~ '^\[[0-9]+(, [0-9]+)*\]$' THEN
        RETURN (
            SELECT coalesce(jsonb_agg(m.id ORDER BY e.place) FILTER (WHERE m.id IS NOT NULL), '[]')
            FROM jsonb_array_elements(value) WITH ORDINALITY AS e (one, place)
            CROSS JOIN LATERAL ucrepl.mapped_id(peer, e.one::bigint, of_model, way) AS m (id)
        );
    END IF;
    RETURN value;
END;
$$;
