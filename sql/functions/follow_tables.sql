-- ucrepl.follow_tables()
--
-- Purpose:    sees which tables the numbers of this node are by now: what was renamed or has moved keeps its number, what
--             was dropped leaves its name to another one, and new tables get numbers. Notes what columns were called.
-- Parameters: none.
-- Returns:    how many numbers are of another table, or of another name, or have other columns, than they were.
-- Reads:      the catalog.
-- Writes:     ucrepl.table_name, ucrepl.former_column.
--
-- A table that was restored from a dump has another oid, and brings its trigger along, which has its number. A number that
-- is older than these columns is that of the table with the trigger, else of the one with the name.
CREATE OR REPLACE FUNCTION ucrepl.follow_tables() RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved bigint := 0;
    rows bigint;
BEGIN
    UPDATE ucrepl.table_name AS t
    SET relation = NULL, dropped_at = clock_timestamp()
    WHERE t.relation IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = t.relation AND c.relkind IN ('r', 'p'));
    GET DIAGNOSTICS rows = ROW_COUNT;
    moved := moved + rows;

    UPDATE ucrepl.table_name AS t
    SET relation = g.relation, dropped_at = NULL, columns = NULL
    FROM (
        SELECT DISTINCT ON (x.number) x.number, x.relation, x.has_name
        FROM (
            SELECT n.table_id AS number, c.oid AS relation,
                c.relname = n.table_name AND c.relnamespace::regnamespace::text = quote_ident(n.schema_name) AS has_name
            FROM pg_trigger AS g
            JOIN pg_class AS c ON c.oid = g.tgrelid AND NOT c.relispartition
            JOIN ucrepl.table_name AS n
                ON n.relation IS NULL AND n.table_id::text = split_part(encode(g.tgargs, 'escape'), '\000', 1)
            WHERE g.tgname ~ '^0_ucrepl_capture' AND NOT g.tgisinternal
                AND NOT EXISTS (SELECT FROM ucrepl.table_name AS o WHERE o.relation = c.oid)
        ) AS x
        ORDER BY x.number, x.has_name DESC
    ) AS g
    WHERE t.table_id = g.number AND t.relation IS NULL AND (t.dropped_at IS NULL OR g.has_name);
    GET DIAGNOSTICS rows = ROW_COUNT;
    moved := moved + rows;

    UPDATE ucrepl.table_name AS t
    SET schema_name = n.nspname, table_name = c.relname
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = t.relation AND (c.relname <> t.table_name OR n.nspname <> t.schema_name);
    GET DIAGNOSTICS rows = ROW_COUNT;
    moved := moved + rows;

    WITH new AS (
        SELECT c.oid, n.nspname, c.relname
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p')
            AND NOT c.relispartition
            AND c.relpersistence <> 't'
            AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ucrepl')
            AND n.nspname !~ '^pg_(toast|temp)'
            AND NOT EXISTS (SELECT FROM ucrepl.table_name AS t WHERE t.relation = c.oid)
    ),
    named AS (
        UPDATE ucrepl.table_name AS t
        SET relation = k.oid
        FROM (
            SELECT min(t.table_id) AS number, new.oid
            FROM new
            JOIN ucrepl.table_name AS t ON t.schema_name = new.nspname AND t.table_name = new.relname
            WHERE t.relation IS NULL AND t.dropped_at IS NULL
            GROUP BY new.oid
        ) AS k
        WHERE t.table_id = k.number AND t.relation IS NULL
        RETURNING k.oid
    ),
    numbered AS (
        INSERT INTO ucrepl.table_name (schema_name, table_name, relation)
        SELECT new.nspname, new.relname, new.oid
        FROM new
        WHERE new.oid NOT IN (SELECT k.oid FROM named AS k)
        ORDER BY new.nspname, new.relname
        ON CONFLICT (relation) DO NOTHING
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM named) + (SELECT count(*) FROM numbered) INTO rows;
    moved := moved + rows;

    UPDATE ucrepl.table_name AS t
    SET dropped_at = clock_timestamp()
    FROM ucrepl.tracked_table AS k
    WHERE k.table_id = t.table_id AND t.relation IS NULL AND t.dropped_at IS NULL;
    GET DIAGNOSTICS rows = ROW_COUNT;
    moved := moved + rows;

    WITH seen AS (
        SELECT
            t.table_id,
            array_agg(CASE WHEN NOT a.attisdropped THEN a.attname END ORDER BY a.attnum) AS columns,
            array_agg(a.xmin::text::bigint ORDER BY a.attnum) AS xids
        FROM ucrepl.table_name AS t
        JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum > 0
        GROUP BY t.table_id
    ),
    renamed AS (
        INSERT INTO ucrepl.former_column (table_id, attnum, name, until_xid)
        SELECT t.table_id, o.attnum, o.name, (n.xid - (n.xid - s.xids[o.attnum]) % 4294967296)::text::xid8
        FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xid) AS n
        CROSS JOIN ucrepl.table_name AS t
        JOIN seen AS s ON s.table_id = t.table_id
        CROSS JOIN LATERAL unnest(t.columns) WITH ORDINALITY AS o (name, attnum)
        WHERE s.columns[o.attnum] <> o.name
        ON CONFLICT DO NOTHING
    )
    UPDATE ucrepl.table_name AS t
    SET columns = s.columns
    FROM seen AS s
    WHERE s.table_id = t.table_id AND t.columns IS DISTINCT FROM s.columns;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN moved + rows;
END;
$$;
