-- cutover_mark: stores a tick after the change with the number `seq`.
WITH seen AS (SELECT pg_catalog.pg_current_snapshot() AS snapshot)
INSERT INTO ucrepl.tick (snapshot, running, seq)
SELECT s.snapshot, (SELECT count(*) FROM pg_catalog.pg_snapshot_xip(s.snapshot)), %(seq)s
FROM seen AS s
RETURNING snapshot::text;
