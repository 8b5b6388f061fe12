-- note_touched: notes the columns of updated tables that this node itself has changed later than the batch did.
--
-- An old value that is still there does not prove that nobody has touched it: a column can go back to a value it had
-- (archived, active again). Of a column that is merged key by key each key is noted by itself. Returns the numbers of the
-- tables concerned.
WITH emptied AS (
    DELETE FROM pg_temp.touched
),
earliest AS (
    SELECT least(
        min(c.at),
        min(
            CASE
                WHEN c.times IS NOT NULL THEN (
                    SELECT min(nullif(t.at::timestamptz, '-infinity')) FROM unnest(@hstore@.avals(c.times)) AS t (at)
                )
            END
        )
    ) AS at
    FROM pg_temp.change AS c
    WHERE c.op = 'U'
),
since AS (
    SELECT coalesce((
        SELECT t.oldest_xid
        FROM ucrepl.tick AS t
        WHERE t.at < (SELECT e.at FROM earliest AS e) - interval '1 second'
        ORDER BY t.at DESC
        LIMIT 1
    ), '0'::xid8) AS xid
),
noted AS (
    INSERT INTO pg_temp.touched (table_id, local_key, column_name, path, at)
    SELECT j.table_id, j.key, k.column_name, m.path, max(j.at)
    FROM ucrepl.journal AS j
    CROSS JOIN LATERAL unnest(@hstore@.akeys(j.new)) AS k (column_name)
    LEFT JOIN pg_temp.by_key AS b ON b.table_id = j.table_id AND b.column_name = k.column_name
    LEFT JOIN LATERAL ucrepl.changed_members(
        CASE WHEN b.table_id IS NOT NULL THEN @hstore@.fetchval(j.old, k.column_name)::jsonb END,
        CASE WHEN b.table_id IS NOT NULL THEN @hstore@.fetchval(j.new, k.column_name)::jsonb END
    ) AS m ON true
    WHERE j.xid >= (SELECT s.xid FROM since AS s)
        AND j.at >= (SELECT e.at FROM earliest AS e)
        AND j.op = 'U'
        AND j.table_id = ANY (%(tables)s)
    GROUP BY j.table_id, j.key, k.column_name, m.path
    RETURNING table_id
)
SELECT DISTINCT table_id
FROM noted;
