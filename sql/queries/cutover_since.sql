-- cutover_since: from which transactions on changes are later than so many seconds ago, and later than now.
SELECT
    coalesce(
        (
            SELECT t.oldest_xid
            FROM ucrepl.tick AS t
            WHERE t.at < now() - make_interval(secs => %(seconds)s)
            ORDER BY t.at DESC
            LIMIT 1
        ),
        '0'
    )::text AS since,
    pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text AS now_on;
