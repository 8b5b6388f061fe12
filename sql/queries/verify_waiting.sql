-- verify_waiting: of which of these records the journal has changes that are not visible in `position`.
--
-- Null stands for all of the table: a TRUNCATE waits, or the update of a key.
SELECT DISTINCT CASE WHEN j.op IN ('K', 'T') THEN NULL ELSE j.key END AS key
FROM ucrepl.journal AS j
WHERE j.table_id = %(number)s
    AND (j.key = ANY (%(keys)s::text[]) OR j.op IN ('K', 'T'))
    AND (
        j.xid >= pg_catalog.pg_snapshot_xmax(%(position)s::pg_snapshot)
        OR j.xid = ANY (ARRAY(SELECT x FROM pg_catalog.pg_snapshot_xip(%(position)s::pg_snapshot) AS x))
    );
