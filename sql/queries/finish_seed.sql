-- finish_seed: lets a link replay from the oldest of the snapshots from which its tables were copied.
--
-- Parked changes that are in the rows go. Snapshots of one server are totally ordered by (xmax, xmin, -running).
WITH oldest AS (
    SELECT s.snapshot
    FROM ucrepl.seeded_table AS s
    WHERE s.link_id = %(link)s
    ORDER BY
        pg_catalog.pg_snapshot_xmax(s.snapshot),
        pg_catalog.pg_snapshot_xmin(s.snapshot),
        (SELECT count(*) FROM pg_catalog.pg_snapshot_xip(s.snapshot)) DESC
    LIMIT 1
),
superseded AS (
    DELETE FROM ucrepl.parked AS p
    USING ucrepl.seeded_table AS s
    WHERE p.link_id = %(link)s AND s.link_id = p.link_id AND s.table_id = p.table_id
        AND p.seq > 0 AND p.skipped_at IS NULL
        AND pg_catalog.pg_visible_in_snapshot(p.xid, s.snapshot)
),
settled AS (
    DELETE FROM ucrepl.doubt AS d
    WHERE d.link_id = %(link)s
)
UPDATE ucrepl.link AS k
SET
    position = o.snapshot,
    position_at = now(),
    seeding = false,
    seeded_at = now(),
    pairs_complete = true,
    last_error = NULL,
    last_error_at = NULL
FROM oldest AS o
WHERE k.link_id = %(link)s;
