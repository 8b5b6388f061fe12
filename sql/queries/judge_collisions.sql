-- judge_collisions: decides who wins, column by column.
--
-- latest: the later change wins, at the same time the node whose name is greater, byte by byte, so that both sides
-- come to the same answer. When the column was last changed here stands in this node's own journal; if it does not, the source wins.
WITH since AS (
    SELECT coalesce((
        SELECT t.oldest_xid
        FROM ucrepl.tick AS t
        WHERE t.at < (SELECT min(c.source_at) - interval '1 second' FROM pg_temp.collision AS c)
        ORDER BY t.at DESC
        LIMIT 1
    ), '0'::xid8) AS xid
),
last_change AS (
    SELECT c.seq, c.column_name, max(j.at) AS at
    FROM pg_temp.collision AS c
    JOIN ucrepl.journal AS j ON j.table_id = c.table_id AND j.key = c.local_key
    WHERE j.xid >= (SELECT s.xid FROM since AS s)
        AND j.op IN ('I', 'U')
        AND @hstore@.exist(j.new, c.column_name::text)
    GROUP BY c.seq, c.column_name
)
UPDATE pg_temp.collision AS c
SET
    target_at = l.at,
    winner = CASE c.policy
        WHEN 'source' THEN 'source'
        WHEN 'target' THEN 'target'
        WHEN 'park' THEN 'parked'
        ELSE CASE
            WHEN l.at IS NULL THEN 'source'
            WHEN (c.source_at, %(source_name)s::text COLLATE "C") > (l.at, %(target_name)s::text COLLATE "C") THEN 'source'
            ELSE 'target'
        END
    END
FROM pg_temp.collision AS o
LEFT JOIN last_change AS l ON l.seq = o.seq AND l.column_name = o.column_name
WHERE c.place = o.place AND c.kind <> 'deleted';
