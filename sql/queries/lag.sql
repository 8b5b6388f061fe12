-- lag: how many changes were not visible in `position` and are now, and the age in seconds of the oldest of them.
--
-- The transactions are those of the query `batch`. The count reads the index only, and of each of its two parts `most`
-- changes, where that is not null. The oldest change is looked for among the thousand first ones in the order of
-- transactions, and the first of each that was running at `position`.
WITH asked AS (
    SELECT
        pg_catalog.pg_snapshot_xmax(%(position)s::pg_snapshot) AS next_xid,
        ARRAY(SELECT x FROM pg_catalog.pg_snapshot_xip(%(position)s::pg_snapshot) AS x) AS running
),
oldest AS (
    (
        SELECT j.at
        FROM ucrepl.journal AS j
        WHERE j.xid >= (SELECT a.next_xid FROM asked AS a)
        ORDER BY j.xid
        LIMIT 1000
    )
    UNION ALL
    SELECT f.at
    FROM asked AS a
    CROSS JOIN unnest(a.running) AS r (xid)
    CROSS JOIN LATERAL (
        SELECT j.at FROM ucrepl.journal AS j WHERE j.xid = r.xid LIMIT 1
    ) AS f
)
SELECT
    (
        SELECT count(*)
        FROM (
            SELECT FROM ucrepl.journal AS j WHERE j.xid >= (SELECT a.next_xid FROM asked AS a) LIMIT %(most)s::bigint
        ) AS later
    ) + (
        SELECT count(*)
        FROM (
            SELECT FROM ucrepl.journal AS j WHERE j.xid = ANY ((SELECT a.running FROM asked AS a)::xid8[])
            LIMIT %(most)s::bigint
        ) AS of_running
    ) AS lag_rows,
    (
        SELECT coalesce(greatest(extract(EPOCH FROM pg_catalog.clock_timestamp() - min(o.at)), 0), 0)::float8
        FROM oldest AS o
    ) AS lag_seconds;
