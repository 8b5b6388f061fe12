-- ucrepl.mapped_member(peer, name, value, places, models, way)
--
-- Purpose:    translates a member of an object, or an element of an array (`*`), for mapped_json.
-- Parameters: the peer, the member's name and value; the places, seen from the object, and the rest as of mapped_json.
-- Returns:    the value with the other ids.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_member(
    peer integer, name text, value jsonb, places text[], models text[], way text
) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    further text[];
    their_models text[];
BEGIN
    SELECT array_agg(p.rest), array_agg(p.model) INTO further, their_models
    FROM (
        SELECT substr(p.place, length(split_part(p.place, '.', 1)) + 2) AS rest, p.model
        FROM unnest(places, models) AS p (place, model)
        WHERE split_part(p.place, '.', 1) IN (name, '*')
    ) AS p;
    RETURN CASE WHEN further IS NULL THEN value ELSE ucrepl.mapped_json(peer, value, further, their_models, way) END;
END;
$$;
