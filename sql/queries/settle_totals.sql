-- settle_totals: stages the parked changes of a table of totals, whose sums are about to be set right.
WITH taken AS (
    DELETE FROM ucrepl.parked AS p
    WHERE p.link_id = %(link)s AND p.table_id = %(table)s AND p.skipped_at IS NULL
    RETURNING p.*
)
INSERT INTO pg_temp.change (seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at)
SELECT seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at
FROM taken;
