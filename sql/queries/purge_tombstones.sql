-- purge_tombstones: deletes the pairs of records that were deleted long ago, when no link can meet them any more.
--
-- What comes late is older than the position of the links that end here; and a pair that was made here stays until the
-- links that begin here have shipped it.
DELETE FROM ucrepl.identity AS i
USING (
    SELECT p.peer_id, least(now(), min(k.position_at)) - %(retention)s::interval AS before
    FROM ucrepl.peer AS p
    LEFT JOIN ucrepl.link AS k ON k.peer_id = p.peer_id
    GROUP BY p.peer_id
) AS expired
WHERE i.peer_id = expired.peer_id
    AND i.deleted_at < expired.before
    AND (
        i.shipped_xid IS NULL
        OR NOT EXISTS (
            SELECT FROM ucrepl.consumer AS c
            WHERE NOT pg_catalog.pg_visible_in_snapshot(i.shipped_xid, c.confirmed)
        )
    );
