-- ucrepl.mapped_text(peer, value, patterns, way)
--
-- Purpose:    translates the ids in a text that stand where patterns say so. All else stays as it is.
-- Parameters: the peer, the text, the name of the patterns, and the way, as of mapped_id.
-- Returns:    the text. An id whose model or record is not known stays as it is.
-- Reads:      pg_temp.pattern, and as mapped_id. Writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_text(peer integer, value text, patterns text, way text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pattern record;
BEGIN
    FOR pattern IN SELECT * FROM pg_temp.pattern AS p WHERE p.name = patterns ORDER BY p.place LOOP
        CONTINUE WHEN value !~ pattern.regexp;
        value := (
            SELECT string_agg(
                t.part || coalesce(
                    CASE pattern.id_group
                        WHEN 2 THEN m.found[1] || i.id || m.found[3] || m.found[4] || m.found[5]
                        ELSE m.found[1] || m.found[2] || m.found[3] || i.id || m.found[5]
                    END,
                    ''
                ),
                '' ORDER BY t.place
            )
            FROM regexp_split_to_table(value, pattern.regexp) WITH ORDINALITY AS t (part, place)
            LEFT JOIN regexp_matches(value, pattern.regexp, 'g') WITH ORDINALITY AS m (found, place)
                ON m.place = t.place
            CROSS JOIN LATERAL (
                SELECT CASE
                    WHEN length(m.found[pattern.id_group]) <= 18 THEN ucrepl.mapped_id(
                        peer, m.found[pattern.id_group]::bigint, coalesce(pattern.model, m.found[pattern.model_group]), way
                    )::text
                END
            ) AS other (id)
            CROSS JOIN LATERAL (
                SELECT coalesce(
                    CASE WHEN length(other.id) < pattern.digits THEN lpad(other.id, pattern.digits, '0') ELSE other.id END,
                    m.found[pattern.id_group]
                )
            ) AS i (id)
        );
    END LOOP;
    RETURN value;
END;
$$;
