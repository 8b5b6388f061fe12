-- ucrepl.mapped_path(peer, value, of_model, way)
--
-- Purpose:    translates a text with the ids of all ancestors of a record and its own, as '1/7/23/'.
-- Parameters: the peer, the text, the model, and the way, as of mapped_id.
-- Returns:    the other ids in the same order; unknown ones are left out. Replay builds it again from the local parents.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_path(peer integer, value text, of_model text, way text) RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(ucrepl.mapped_id(peer, p.digits[1]::bigint, of_model, way)::text || '/', '' ORDER BY p.place), '')
    FROM regexp_matches(value, '[0-9]+', 'g') WITH ORDINALITY AS p (digits, place);
$$;
