-- ucrepl.mapped_domain(peer, value, of_model, way)
--
-- Purpose:    translates the ids in a domain, or in a dictionary of values of fields, of a model.
--             Names of fields that have the id of a record (the patterns `column_names`) become those of this side.
-- Parameters: the peer, the text, the model, and the way, as of mapped_id.
-- Returns:    the text with the other ids; null where it is not certain what a number in it means. Certain are numbers
--             that are compared with, or are the value of, a field that ir_model_fields knows; and 0 and 1 as the value
--             of what is no field and is not called ..._id: they switch something on or off. Null, too, where the
--             record in the name of a field is not known.
-- Reads:      public.ir_model_fields, pg_temp.pattern, and as mapped_id. Writes: as mapped_id.
CREATE OR REPLACE FUNCTION ucrepl.mapped_domain(peer integer, value text, of_model text, way text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number constant text := '-?[0-9]+(?:\.[0-9]+)?';
    numbers constant text := number || '|[[(]\s*' || number || '(?:\s*,\s*' || number || ')*\s*,?\s*[])]';
    -- ('field', 'operator', numbers) and 'field': numbers
    found_at constant text := '([[(]\s*|[{,]\s*)(["''])(\w+(?:\.\w+)*)(["'']\s*(?:,\s*["''][a-z=!<>? _]+["'']\s*,|:)\s*)('
        || numbers || ')(?=\s*[]),}])';
    part record;
    referred text;
    mapped text;
    result text := '';
    left_over text := '';
BEGIN
    IF value !~ '[0-9]' THEN
        RETURN value;
    END IF;
    IF EXISTS (
        SELECT FROM pg_temp.pattern AS p
        CROSS JOIN LATERAL regexp_matches(value, p.regexp, 'g') AS m (found)
        WHERE p.name = 'column_names' AND (
            length(m.found[p.id_group]) > 18
            OR ucrepl.mapped_id(peer, m.found[p.id_group]::bigint, p.model, way) IS NULL
        )
    ) THEN
        RETURN NULL;
    ELSIF way <> 'back' THEN
        value := ucrepl.mapped_text(peer, value, 'column_names', way);
    END IF;
    FOR part IN
        SELECT t.text, m.match
        FROM regexp_split_to_table(value, found_at) WITH ORDINALITY AS t (text, place)
        LEFT JOIN regexp_matches(value, found_at, 'g') WITH ORDINALITY AS m (match, place) ON m.place = t.place
        ORDER BY t.place
    LOOP
        result := result || part.text;
        left_over := left_over || part.text || ' ';
        CONTINUE WHEN part.match IS NULL;
        mapped := part.match[5];
        referred := ucrepl.field_refers_to(
            of_model, regexp_replace(part.match[3], '^(search_|searchpanel_)?default_', '')
        );
        IF mapped IN ('0', '1') AND part.match[4] ~ ':' THEN
            IF part.match[3] ~ '^search' OR referred IS NULL AND part.match[3] !~ '_ids?$' THEN
                referred := '';
            END IF;
        END IF;
        IF referred IS NULL THEN
            RETURN NULL;
        ELSIF referred <> '' THEN
            SELECT
                CASE WHEN bool_and(i.id IS NOT NULL AND n.digits[1] ~ '^[0-9]+$') THEN
                    CASE
                        WHEN mapped ~ '^[0-9]' THEN min(i.id)::text
                        ELSE left(mapped, 1) || string_agg(i.id::text, ', ' ORDER BY n.place)
                            || CASE WHEN mapped ~ ',\s*[])]$' THEN ',' ELSE '' END || right(mapped, 1)
                    END
                END
            INTO mapped
            FROM regexp_matches(mapped, number, 'g') WITH ORDINALITY AS n (digits, place)
            CROSS JOIN LATERAL ucrepl.mapped_id(
                peer, CASE WHEN n.digits[1] ~ '^[0-9]{1,18}$' THEN n.digits[1]::bigint END, referred, way
            ) AS i (id);
        END IF;
        result := result || part.match[1] || part.match[2] || part.match[3] || part.match[4] || mapped;
    END LOOP;
    -- Numbers in quotes and in names are no ids, nor are those that make a domain true or false.
    left_over := regexp_replace(
        left_over, '[[(]\s*[01]\s*,\s*["'']=["'']\s*,\s*[01]\s*[])]|"[^"\\]*"|''[^''\\]*''|[A-Za-z_]\w*', '', 'g'
    );
    IF left_over ~ '[0-9]' THEN
        RETURN NULL;
    END IF;
    RETURN CASE way WHEN 'back' THEN ucrepl.mapped_text(peer, result, 'column_names', way) ELSE result END;
END;
$$;
