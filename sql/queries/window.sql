-- window: where the next batch of a link ends, what is in it, and whether the link can go on.
--
-- went_back: the source is older than the position. purged: changes after the position are gone. structure: a number that
-- grows with every table and every column that is added; shapes: what `shape` says of each of the touched tables. touched: the tables of which it has changes, where it is not one of
-- a backlog.
--
-- Parameters: position, the last tick applied; ticks, after how many stored ticks the batch ends at the latest. With
-- fewer ticks in store it ends now. Snapshots are ordered by (before_xid, oldest_xid, -running): a tick that does not come after
-- the position is never chosen.
WITH asked AS (
    SELECT
        %(position)s::pg_snapshot AS position,
        pg_catalog.pg_current_snapshot() AS now_seen
),
stored AS (
    SELECT t.snapshot
    FROM ucrepl.tick AS t
    CROSS JOIN asked AS a
    WHERE t.before_xid >= pg_catalog.pg_snapshot_xmax(a.position)
        AND (t.before_xid, t.oldest_xid, -t.running) > (
            pg_catalog.pg_snapshot_xmax(a.position),
            pg_catalog.pg_snapshot_xmin(a.position),
            -(SELECT count(*) FROM pg_catalog.pg_snapshot_xip(a.position))
        )
    ORDER BY t.before_xid, t.oldest_xid, t.running DESC
    OFFSET %(ticks)s - 1
    LIMIT 1
),
batch AS (
    SELECT a.position, a.now_seen, coalesce(s.snapshot, a.now_seen) AS ends, s.snapshot IS NOT NULL AS more
    FROM asked AS a
    LEFT JOIN stored AS s ON true
),
looked_at AS MATERIALIZED (
    SELECT
        b.*,
        CASE
            WHEN NOT b.more THEN ARRAY(
                SELECT j.table_id
                FROM ucrepl.journal AS j
                WHERE j.xid >= pg_catalog.pg_snapshot_xmax(b.position) AND j.xid < pg_catalog.pg_snapshot_xmax(b.ends)
                    AND pg_catalog.pg_visible_in_snapshot(j.xid, b.ends)
                UNION
                SELECT j.table_id
                FROM ucrepl.journal AS j
                WHERE j.xid = ANY (ARRAY(
                    SELECT x FROM pg_catalog.pg_snapshot_xip(b.position) AS x
                    WHERE pg_catalog.pg_visible_in_snapshot(x, b.ends)
                ))
            )
        END AS touched
    FROM batch AS b
)
SELECT
    b.ends::text AS ends,
    b.more,
    coalesce(cardinality(b.touched) > 0, EXISTS (
        SELECT FROM ucrepl.journal AS j
        WHERE j.xid >= pg_catalog.pg_snapshot_xmax(b.position) AND j.xid < pg_catalog.pg_snapshot_xmax(b.ends)
            AND pg_catalog.pg_visible_in_snapshot(j.xid, b.ends)
    ) OR EXISTS (
        SELECT FROM ucrepl.journal AS j
        WHERE j.xid = ANY (ARRAY(
            SELECT x FROM pg_catalog.pg_snapshot_xip(b.position) AS x WHERE pg_catalog.pg_visible_in_snapshot(x, b.ends)
        ))
    )) AS has_changes,
    b.touched,
    EXISTS (
        SELECT FROM ucrepl.identity AS i
        JOIN ucrepl.peer AS p ON p.peer_id = i.peer_id AND p.uuid = %(target)s
        WHERE i.shipped_xid >= pg_catalog.pg_snapshot_xmin(b.position)
            AND i.shipped_xid < pg_catalog.pg_snapshot_xmax(b.ends)
            AND pg_catalog.pg_visible_in_snapshot(i.shipped_xid, b.ends)
            AND NOT pg_catalog.pg_visible_in_snapshot(i.shipped_xid, b.position)
    ) AS has_pairs,
    pg_catalog.pg_snapshot_xmax(b.now_seen) < pg_catalog.pg_snapshot_xmax(b.position) AS went_back,
    (SELECT NOT pg_catalog.pg_visible_in_snapshot(n.purged_xid, b.position) FROM ucrepl.node AS n) IS TRUE AS purged,
    (
        SELECT sum(c.relnatts)
        FROM pg_catalog.pg_class AS c
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
    ) AS structure,
    ARRAY(
        SELECT coalesce(@shape@, '')
        FROM unnest(b.touched) WITH ORDINALITY AS n (number, position)
        LEFT JOIN ucrepl.table_name AS t ON t.table_id = n.number
        ORDER BY n.position
    ) AS shapes
FROM looked_at AS b;
