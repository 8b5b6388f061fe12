-- judge_collisions: decides who wins, column by column, and key by key in columns that are merged so.
--
-- latest: the later change wins, at the same time the node whose name is greater, byte by byte, so that both sides
-- come to the same answer. When the column was last changed here stands in this node's own journal; if it does not, the source wins.
-- What fills a column when it is made (note_filled; here, by the same rule, the own journal, or a default that stands in no
-- journal) gives way to any other value, and is no conflict: it is called `filled`.
-- `none` is a change on the source that is none here, once it is translated: what the target has stays.
WITH since AS (
    SELECT coalesce((
        SELECT t.oldest_xid
        FROM ucrepl.tick AS t
        WHERE t.at < (
            SELECT coalesce(min(nullif(c.source_at, '-infinity')) - interval '1 second', 'infinity')
            FROM pg_temp.collision AS c
        )
        ORDER BY t.at DESC
        LIMIT 1
    ), '0'::xid8) AS xid
),
last_change AS (
    SELECT c.place, max(j.at) FILTER (WHERE f.fills IS NOT TRUE) AS at, bool_or(f.fills) AS fills
    FROM pg_temp.collision AS c
    JOIN ucrepl.journal AS j ON j.table_id = c.table_id AND j.key = c.local_key
    LEFT JOIN pg_temp.made AS m ON NOT m.on_source AND m.table_id = c.table_id AND m.column_name = c.column_name
    CROSS JOIN LATERAL (
        SELECT j.op = 'U' AND j.xid <= m.xid AND @hstore@.fetchval(j.old, c.column_name::text) IS NULL AS fills
    ) AS f
    WHERE j.xid >= (SELECT s.xid FROM since AS s)
        AND j.op IN ('I', 'U')
        AND @hstore@.exist(j.new, c.column_name::text)
        AND CASE
            WHEN c.path IS NULL THEN true
            ELSE ucrepl.at_path(@hstore@.fetchval(j.old, c.column_name::text)::jsonb, c.path)
                IS DISTINCT FROM ucrepl.at_path(@hstore@.fetchval(j.new, c.column_name::text)::jsonb, c.path)
        END
    GROUP BY c.place
),
judged AS (
    SELECT
        c.place,
        l.at,
        c.source_at = '-infinity' AS source_fills,
        l.at IS NULL AND (l.fills IS TRUE OR c.old_value IS NULL AND m.given = c.target_value) AS target_fills
    FROM pg_temp.collision AS c
    LEFT JOIN last_change AS l ON l.place = c.place
    LEFT JOIN pg_temp.made AS m ON NOT m.on_source AND m.table_id = c.table_id AND m.column_name = c.column_name
)
UPDATE pg_temp.collision AS c
SET
    kind = CASE WHEN c.kind NOT IN ('insert', 'none') AND (j.source_fills OR j.target_fills) THEN 'filled' ELSE c.kind END,
    target_at = j.at,
    winner = CASE
        WHEN c.kind = 'none' THEN 'target'
        WHEN c.policy IN ('source', 'target') THEN c.policy
        ELSE CASE
            WHEN j.source_fills THEN 'target'
            WHEN j.target_fills THEN 'source'
            WHEN c.policy = 'park' THEN 'parked'
            WHEN j.at IS NULL THEN 'source'
            WHEN (c.source_at, %(source_name)s::text COLLATE "C") > (j.at, %(target_name)s::text COLLATE "C") THEN 'source'
            ELSE 'target'
        END
    END
FROM judged AS j
WHERE c.place = j.place AND c.kind <> 'deleted';
