-- ucrepl.rebuilt_key(key, made_of, wanted, image)
--
-- Purpose:    makes the key of a change anew, of other columns than it was made of.
-- Parameters: the key as the journal has it, and its columns; the columns of which it is wanted; an image of the row as it
--             was before the change, or as it was inserted.
-- Returns:    the key as the journal has keys; null where a value is not known.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.rebuilt_key(key text, made_of text[], wanted text[], image @hstore@.hstore) RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE
        WHEN made_of = wanted AND key IS NOT NULL THEN key
        WHEN bool_or(v.value IS NULL) THEN NULL
        WHEN cardinality(wanted) = 1 THEN min(v.value)
        ELSE array_agg(v.value ORDER BY v.position)::text
    END
FROM (
    SELECT w.position, CASE
            WHEN key IS NULL OR w.name <> ALL (made_of) THEN @hstore@.fetchval(image, w.name)
            WHEN cardinality(made_of) = 1 THEN key
            ELSE (key::text[])[array_position(made_of, w.name)]
        END AS value
    FROM unnest(wanted) WITH ORDINALITY AS w (name, position)
) AS v
$$;
