-- ticks_behind: how many ticks come after the position.
SELECT count(*)
FROM ucrepl.tick AS t
WHERE t.before_xid >= pg_catalog.pg_snapshot_xmax(%(position)s::pg_snapshot)
    AND (t.before_xid, t.oldest_xid, -t.running) > (
        pg_catalog.pg_snapshot_xmax(%(position)s::pg_snapshot),
        pg_catalog.pg_snapshot_xmin(%(position)s::pg_snapshot),
        -(SELECT count(*) FROM pg_catalog.pg_snapshot_xip(%(position)s::pg_snapshot))
    );
