-- link_state: what the target knows of a link, and whether a daemon holds its lock.
SELECT
    k.link_id,
    k.position::text AS position,
    k.paused,
    k.seeding,
    k.applied,
    k.skipped,
    coalesce(
        (SELECT jsonb_object_agg(s.rule, s.rows) FROM ucrepl.skipped AS s WHERE s.link_id = k.link_id), '{}'
    ) AS skipped_by_rule,
    k.conflicts,
    k.finer,
    k.last_error,
    k.waits_for,
    (
        SELECT count(*) FROM ucrepl.parked AS p WHERE p.link_id = k.link_id AND p.skipped_at IS NULL
    ) AS parked,
    (
        SELECT count(*) FROM ucrepl.parked_file AS f WHERE f.link_id = k.link_id
    ) AS parked_files,
    (
        SELECT count(*) FROM ucrepl.stopgap AS s WHERE s.peer_id = k.peer_id
    ) AS unknown_references,
    EXISTS (
        SELECT FROM pg_catalog.pg_locks AS l
        JOIN pg_catalog.pg_database AS d ON d.oid = l.database AND d.datname = pg_catalog.current_database()
        WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
            AND l.classid = %(lock_class)s::oid AND l.objid = k.link_id::oid
    ) AS has_daemon
FROM ucrepl.link AS k
WHERE k.name = %(link)s;
