-- drift: what a node lacks to capture all changes, and who keeps its journal from being purged, as (finding, name).
--
-- missing    a tracked table that has not the triggers that it should have, or not enabled
-- new        a table with a key that is not tracked
-- unguarded  a table without an enabled trigger for document numbers that it should have
-- asleep     a link that has changes to read here, and has not confirmed any for a day
WITH user_table AS (
    SELECT
        c.oid,
        CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname::text || '.' END || c.relname::text AS name,
        (
            SELECT k.key_columns::text[]
            FROM ucrepl.table_name AS t
            JOIN ucrepl.tracked_table AS k ON k.table_id = t.table_id
            WHERE t.relation = c.oid
        ) AS tracked
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
        AND NOT c.relispartition
        AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ucrepl')
        AND n.nspname !~ '^pg_(toast|temp)'
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        )
)
SELECT 'missing' AS finding, u.name
FROM user_table AS u
WHERE u.tracked IS NOT NULL
    AND EXISTS (SELECT FROM ucrepl.capture_triggers(u.oid, u.tracked) AS t WHERE t.state <> 'right')
UNION ALL
SELECT 'new' AS finding, u.name
FROM user_table AS u
WHERE u.tracked IS NULL AND EXISTS (
    SELECT FROM pg_catalog.pg_index AS i
    WHERE i.indrelid = u.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
        AND i.indpred IS NULL AND i.indexprs IS NULL
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = u.oid AND NOT a.attnotnull AND a.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
        )
)
UNION ALL
SELECT DISTINCT 'unguarded' AS finding, n.table_name AS name
FROM ucrepl.number_triggers() AS n
WHERE NOT n.is_there
UNION ALL
SELECT 'asleep' AS finding, r.link AS name
FROM ucrepl.consumer AS r
WHERE r.confirmed_at < now() - interval '1 day'
    AND EXISTS (SELECT FROM ucrepl.journal AS j WHERE j.xid >= pg_catalog.pg_snapshot_xmax(r.confirmed))
ORDER BY finding, name;
