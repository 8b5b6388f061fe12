-- park_received: stages received changes from one place to another that are to be parked, and notes why.
--
-- Parameters: first, last; seqs, reasons, sqlstates, messages, of the same length. They have no place any more then.
WITH refused AS (
    SELECT u.seq, u.reason, u.sqlstate, u.message
    FROM unnest(%(seqs)s::bigint[], %(reasons)s::text[], %(sqlstates)s::text[], %(messages)s::text[])
        AS u (seq, reason, sqlstate, message)
),
taken AS (
    UPDATE pg_temp.received AS r
    SET place = NULL
    FROM refused AS f
    WHERE r.seq = f.seq AND r.place BETWEEN %(first)s AND %(last)s
    RETURNING r.*
),
staged AS (
    INSERT INTO pg_temp.change (seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at)
    SELECT t.seq, t.xid, t.table_id, t.op, t.key, t.old, t.new, t.at, t.times, t.attempts, t.parked_id, t.parked_at
    FROM taken AS t
)
INSERT INTO pg_temp.trouble (seq, reason, sqlstate, message)
SELECT f.seq, f.reason, f.sqlstate, f.message
FROM refused AS f;
