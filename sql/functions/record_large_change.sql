-- ucrepl.record_large_change(relation, arguments, op, old_row, new_row)
--
-- Purpose:    writes a change of a large row into the journal, without the largest values where it would be more than a
--             change may be: 256 MB of text, the old and the new values together.
-- Parameters: the relation whose row it is; arguments, op as for ucrepl.record_change; the rows.
-- Returns:    the number of the change, null where there is none.
-- Reads:      the catalog.
-- Writes:     ucrepl.journal, through ucrepl.record_change; ucrepl.uncaptured: what was left out.
--
-- Nothing that is said here may make the writer's statement fail: PostgreSQL builds no value of more than 1 GB, and the
-- text of bytea is twice as long. Of a row of which not even the images can be made only that is written down.
CREATE OR REPLACE FUNCTION ucrepl.record_large_change(
    relation regclass, arguments text[], op "char", old_row record, new_row record
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
AS $$
DECLARE
    most CONSTANT bigint := 256 * 1024 * 1024;
    found record;
    size bigint;
    names text[] := '{}';
    sizes bigint[] := '{}';
    unchanged text[] := '{}';
    is_same boolean;
    left_out text[];
    old_image @hstore@.hstore;
    new_image @hstore@.hstore;
    seq bigint;
BEGIN
    BEGIN
        FOR found IN
            SELECT
                a.attname::text AS name,
                CASE
                    WHEN a.atttypid = 'bytea'::regtype THEN '2 + 2 * octet_length(%s)::bigint'
                    WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype) THEN 'octet_length(%s)::bigint'
                    ELSE 'octet_length(%s::text)::bigint'
                END AS measure
            FROM pg_attribute AS a
            WHERE a.attrelid = relation AND a.attlen < 0 AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attname <> ALL (arguments[1:])
        LOOP
            BEGIN
                EXECUTE format(
                    'SELECT coalesce(%s, 0) + coalesce(%s, 0), record_image_eq(ROW(($1::%s).%I), ROW(($2::%s).%I))',
                    format(found.measure, format('($1::%s).%I', relation, found.name)),
                    format(found.measure, format('($2::%s).%I', relation, found.name)),
                    relation, found.name, relation, found.name
                )
                INTO size, is_same
                USING old_row, new_row;
            EXCEPTION
                WHEN OTHERS THEN
                    size := most + 1;
                    is_same := false;
            END;
            IF is_same AND op = 'U' THEN
                unchanged := unchanged || found.name;
            ELSE
                names := names || found.name;
                sizes := sizes || size;
            END IF;
        END LOOP;
        left_out := ARRAY(
            SELECT s.name
            FROM (
                SELECT u.name, sum(u.size) OVER (ORDER BY u.size, u.name) AS together
                FROM unnest(names, sizes) AS u (name, size)
            ) AS s
            WHERE s.together > most
            ORDER BY s.name
        );
        EXECUTE format(
            'SELECT @hstore@.hstore($1::%1$s OPERATOR(@hstore@.#=) $3) OPERATOR(@hstore@.-) $4,'
            ' @hstore@.hstore($2::%1$s OPERATOR(@hstore@.#=) $3) OPERATOR(@hstore@.-) $4',
            relation
        )
        INTO old_image, new_image
        USING
            CASE WHEN op <> 'I' THEN old_row END,
            CASE WHEN op <> 'D' THEN new_row END,
            @hstore@.hstore(unchanged || left_out, array_fill(NULL::text, ARRAY[cardinality(unchanged || left_out)])),
            unchanged || left_out;
    EXCEPTION
        WHEN OTHERS THEN
            RETURN ucrepl.note_uncaptured(arguments[0]::integer, NULL, NULL, 'large');
    END;
    seq := ucrepl.record_change(
        arguments,
        op,
        CASE WHEN op <> 'I' THEN old_image END,
        CASE WHEN op <> 'D' THEN new_image END
    );
    IF op <> 'D' AND cardinality(left_out) > 0 THEN
        PERFORM ucrepl.note_uncaptured(
            arguments[0]::integer,
            CASE
                WHEN arguments[2] IS NULL THEN new_image OPERATOR(@hstore@.->) arguments[1]
                ELSE (new_image OPERATOR(@hstore@.->) arguments[1:])::text
            END,
            left_out,
            'large'
        );
    END IF;
    RETURN seq;
END;
$$;
