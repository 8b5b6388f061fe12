-- take_back: takes what of a source transaction has just been parked out again, to new places behind all others.
--
-- Returns the places. `xid`: the number of the transaction. What conflicts or is ambiguous stays so.
WITH transaction AS (
    SELECT r.seq
    FROM pg_temp.received AS r
    WHERE r.xid = %(xid)s::xid8
),
taken AS (
    DELETE FROM ucrepl.parked AS p
    WHERE p.link_id = %(link)s AND p.skipped_at IS NULL
        AND p.reason IN ('unresolved', 'error', 'missing', 'queued')
        AND p.seq IN (SELECT t.seq FROM transaction AS t)
    RETURNING p.*
)
INSERT INTO pg_temp.received (seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at, place)
SELECT
    t.seq, t.xid, t.table_id, t.op, t.key, t.old, t.new, t.at, t.times, t.attempts - 1, t.parked_id, t.parked_at,
    (SELECT max(r.place) FROM pg_temp.received AS r) + row_number() OVER (ORDER BY t.seq)
FROM taken AS t
RETURNING place;
