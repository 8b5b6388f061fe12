-- ucrepl.mapped_list(peer, value, of_model, separator, way)
--
-- Purpose:    translates a text with ids of one model, which stand there in ascending order.
-- Parameters: the peer, the text, the model, what stands between the ids, and the way, as of mapped_id.
-- Returns:    the other ids in ascending order; the text as it is where it is no such list. Unknown ids are left out.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_list(
    peer integer, value text, of_model text, separator text, way text
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[] := string_to_array(value, separator);
BEGIN
    IF NOT (SELECT bool_and(p.part ~ '^[0-9]{1,18}$') FROM unnest(parts) AS p (part)) THEN
        RETURN value;
    END IF;
    RETURN (
        SELECT coalesce(string_agg(m.id::text, separator ORDER BY m.id), '')
        FROM unnest(parts) AS p (part)
        CROSS JOIN LATERAL ucrepl.mapped_id(peer, p.part::bigint, of_model, way) AS m (id)
    );
END;
$$;
