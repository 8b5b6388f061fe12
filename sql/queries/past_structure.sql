-- past_structure: what columns and keys of the tables of a node were, by the tables' numbers.
--
-- names: [[name, name now, last transaction], ...]; reused: whether one of these names is that of another column now;
-- keys: the columns of keys of changes in the journal, other than those of now; altered: the last transaction that has made,
-- altered or dropped a column, where the journal has changes from before it.
WITH node AS (
    SELECT
        pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint AS xid,
        (SELECT j.xid::text::bigint FROM ucrepl.journal AS j ORDER BY j.xid LIMIT 1) AS oldest
),
named AS (
    SELECT
        f.table_id,
        jsonb_agg(jsonb_build_array(f.name, t.columns[f.attnum], f.until_xid::text) ORDER BY f.until_xid) AS names,
        bool_or(f.name = ANY (t.columns)) AS reused
    FROM ucrepl.former_column AS f
    JOIN ucrepl.table_name AS t ON t.table_id = f.table_id
    WHERE t.columns[f.attnum] <> f.name
    GROUP BY f.table_id
),
keyed AS (
    SELECT f.table_id, jsonb_agg(f.key_columns ORDER BY f.until_seq) AS keys
    FROM ucrepl.former_key AS f
    WHERE EXISTS (SELECT FROM ucrepl.journal AS j WHERE j.seq <= f.until_seq AND j.table_id = f.table_id)
    GROUP BY f.table_id
),
altered AS (
    SELECT t.table_id, max(made.xid) AS xid
    FROM node AS n
    CROSS JOIN ucrepl.table_name AS t
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.relation AND a.attnum > 0
    CROSS JOIN LATERAL (SELECT n.xid - (n.xid - a.xmin::text::bigint) % 4294967296 AS xid) AS made
    WHERE made.xid >= n.oldest
    GROUP BY t.table_id
)
SELECT
    t.table_id AS number,
    coalesce(n.names, '[]') AS names,
    coalesce(n.reused, false) AS reused,
    coalesce(k.keys, '[]') AS keys,
    c.key_columns::text[] AS key_columns,
    coalesce(a.xid, 0) AS altered
FROM ucrepl.table_name AS t
LEFT JOIN named AS n ON n.table_id = t.table_id
LEFT JOIN keyed AS k ON k.table_id = t.table_id
LEFT JOIN altered AS a ON a.table_id = t.table_id
LEFT JOIN ucrepl.tracked_table AS c ON c.table_id = t.table_id
WHERE t.relation IS NOT NULL
ORDER BY t.table_id;
