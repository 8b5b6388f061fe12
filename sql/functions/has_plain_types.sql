-- ucrepl.has_plain_types(tracked)
--
-- Purpose:    says whether the text of all values of a table depends on no other settings than DateStyle,
--             extra_float_digits and bytea_output.
-- Parameters: the table.
-- Returns:    true for columns of the types below and of enums, domains over them and arrays of them; false otherwise:
--             for timestamptz (TimeZone), interval (IntervalStyle), money (lc_monetary), regclass (search_path), for
--             composite types and ranges, and for what is not known.
-- Reads:      the catalog.
-- Writes:     nothing.
CREATE OR REPLACE FUNCTION ucrepl.has_plain_types(tracked regclass) RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE part AS (
    SELECT a.atttypid AS type_oid
    FROM pg_attribute AS a
    WHERE a.attrelid = tracked AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END
    FROM part AS p
    JOIN pg_type AS t ON t.oid = p.type_oid
    WHERE t.typtype = 'd' OR t.typcategory = 'A'
)
SELECT NOT EXISTS (
    SELECT FROM part AS p
    JOIN pg_type AS t ON t.oid = p.type_oid
    WHERE t.typtype NOT IN ('d', 'e') AND t.typcategory <> 'A' AND t.oid <> ALL (
        '{
            boolean, smallint, integer, bigint, real, double precision, numeric, oid,
            text, character varying, bpchar, name, json, jsonb, uuid, bytea,
            date, timestamp without time zone, time without time zone
        }'::regtype[]
    )
);
$$;
