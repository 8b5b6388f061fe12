-- purge_ticks: deletes the ticks that all links have passed and that are older than the retention. Returns how many.
--
-- The last one of that age stays: all that is visible in it is older than the retention, which is how spent parts of the
-- journal are known, and conflicts look for the time of a change from there on.
WITH anchor AS (
    SELECT t.before_xid, t.oldest_xid, t.running
    FROM ucrepl.tick AS t
    WHERE t.at < now() - %(retention)s::interval
    ORDER BY t.before_xid DESC, t.oldest_xid DESC, t.running
    LIMIT 1
)
DELETE FROM ucrepl.tick AS t
USING anchor AS a
WHERE (t.before_xid, t.oldest_xid, -t.running) < (a.before_xid, a.oldest_xid, -a.running)
    AND t.at < now() - %(retention)s::interval
    AND NOT EXISTS (
        SELECT FROM ucrepl.consumer AS c
        WHERE (t.before_xid, t.oldest_xid, -t.running) > (
            pg_catalog.pg_snapshot_xmax(c.confirmed),
            pg_catalog.pg_snapshot_xmin(c.confirmed),
            -(SELECT count(*) FROM pg_catalog.pg_snapshot_xip(c.confirmed))
        )
    );
