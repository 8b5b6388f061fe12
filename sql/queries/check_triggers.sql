-- check_triggers: of the given tables those whose triggers are not as ucrepl.track() makes them, and in what way.
--
-- tables: [{"schema_name", "table_name", "key": [column, ...]}, ...]. way: missing, disabled, or other (they were made
-- for another key, another number of the table, other types of columns, or not for its partitions as they are).
SELECT
    g.schema_name,
    g.table_name,
    CASE
        WHEN bool_or(t.state = 'disabled') THEN 'disabled'
        WHEN bool_or(t.state = 'missing' AND t.relation = c.oid) AND NOT bool_or(t.state = 'other') THEN 'missing'
        ELSE 'other'
    END AS way
FROM jsonb_to_recordset(%(tables)s::jsonb) AS g (schema_name text, table_name text, key text[])
JOIN pg_catalog.pg_namespace AS n ON n.nspname = g.schema_name::name
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = g.table_name::name
CROSS JOIN LATERAL ucrepl.capture_triggers(c.oid, g.key) AS t
WHERE t.state <> 'right'
GROUP BY g.schema_name, g.table_name
ORDER BY g.schema_name, g.table_name;
