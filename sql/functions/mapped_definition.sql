-- ucrepl.mapped_definition(peer, value, way)
--
-- Purpose:    translates the definition of properties: the defaults of those that refer to records.
-- Parameters: the peer, the definition, and the way, as of mapped_id.
-- Returns:    the definition with the other ids.
-- Reads, writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_definition(peer integer, value jsonb, way text) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(value) <> 'array' THEN
        RETURN value;
    END IF;
    RETURN (
        SELECT coalesce(
            jsonb_agg(
                CASE
                    WHEN d.one ->> 'type' IN ('many2one', 'many2many') AND d.one ? 'default' THEN jsonb_set(
                        d.one, '{default}', ucrepl.mapped_property(peer, d.one -> 'default', d.one ->> 'comodel', way)
                    )
                    ELSE d.one
                END
                ORDER BY d.place
            ),
            '[]'
        )
        FROM jsonb_array_elements(value) WITH ORDINALITY AS d (one, place)
    );
END;
$$;
