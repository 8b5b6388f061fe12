-- ucrepl.mapped_ids(peer, value, of_model, way)
--
-- Purpose:    translates a text that is an id of a model's record, or a list of ids in brackets.
-- Parameters: as of mapped_id.
-- Returns:    the text with the other ids; as it is where there is no model or it is no id; null for an id that is not
--             known. Unknown ids are left out of a list.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_ids(peer integer, value text, of_model text, way text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF of_model IS NULL THEN
        RETURN value;
    ELSIF value ~ '^[0-9]{1,18}$' THEN
        RETURN ucrepl.mapped_id(peer, value::bigint, of_model, way)::text;
    ELSIF value ~ '^\[ *[0-9]{1,18}( *, *[0-9]{1,18})* *\]$' THEN
        RETURN (
            SELECT '[' || coalesce(string_agg(m.id::text, ', ' ORDER BY e.place), '') || ']'
            FROM regexp_matches(value, '[0-9]+', 'g') WITH ORDINALITY AS e (digits, place)
            CROSS JOIN LATERAL ucrepl.mapped_id(peer, e.digits[1]::bigint, of_model, way) AS m (id)
        );
    END IF;
    RETURN value;
END;
$$;
