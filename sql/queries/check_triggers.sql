-- check_triggers: of the given tables those whose triggers are not as ucrepl.track() makes them, and in what way.
--
-- tables: [{"schema_name", "table_name", "key": [column, ...]}, ...]. way: missing, disabled, or other (they were made
-- for another key, another number of the table, other types of columns, or with a condition).
WITH given AS (
    SELECT
        g.schema_name,
        g.table_name,
        c.oid,
        convert_to(t.table_id::text, 'UTF8') || '\x00'::bytea AS number,
        CASE
            WHEN ucrepl.has_plain_types(c.oid) THEN 'ucrepl.capture()'
            ELSE 'ucrepl.capture_pinned()'
        END::regprocedure AS capture,
        (
            SELECT string_agg(convert_to(k.name, getdatabaseencoding()) || '\x00'::bytea, '' ORDER BY k.position)
            FROM unnest(g.key) WITH ORDINALITY AS k (name, position)
        ) AS columns
    FROM jsonb_to_recordset(%(tables)s::jsonb) AS g (schema_name text, table_name text, key text[])
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = g.schema_name::name
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = g.table_name::name
    LEFT JOIN ucrepl.table_name AS t ON t.schema_name = n.nspname AND t.table_name = c.relname
),
found AS (
    SELECT
        g.schema_name,
        g.table_name,
        count(t.tgname) AS triggers,
        count(*) FILTER (WHERE t.tgenabled <> 'O') AS disabled,
        count(*) FILTER (
            WHERE t.tgenabled = 'O' AND t.tgqual IS NULL AND (
                (
                    t.tgname IN ('0_ucrepl_capture', 'ucrepl_capture_delete')
                    AND t.tgargs = g.number || g.columns
                    AND t.tgfoid = g.capture
                )
                OR (t.tgname = 'ucrepl_capture_truncate' AND t.tgargs = g.number)
            )
        ) AS right_ones
    FROM given AS g
    LEFT JOIN pg_catalog.pg_trigger AS t
        ON t.tgrelid = g.oid AND NOT t.tgisinternal AND t.tgname ~ '^(0_)?ucrepl_capture'
    GROUP BY g.schema_name, g.table_name
)
SELECT
    f.schema_name,
    f.table_name,
    CASE
        WHEN f.disabled > 0 THEN 'disabled'
        WHEN f.triggers < 3 THEN 'missing'
        ELSE 'other'
    END AS way
FROM found AS f
WHERE f.right_ones <> 3
ORDER BY f.schema_name, f.table_name;
