-- ucrepl.mapped_reference(peer, value, way)
--
-- Purpose:    translates a text of the form 'model,id'.
-- Parameters: the peer, the text, and the way, as of mapped_id.
-- Returns:    the text with the other id; as it is where it has not that form; null where the id is not known.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_reference(peer integer, value text, way text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[] := regexp_match(value, '^([^,]+),([0-9]{1,18})$');
BEGIN
    IF parts IS NULL THEN
        RETURN value;
    END IF;
    RETURN parts[1] || ',' || ucrepl.mapped_id(peer, parts[2]::bigint, parts[1], way)::text;
END;
$$;
