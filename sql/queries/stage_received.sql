-- stage_received: stages the received changes from one place to another.
INSERT INTO pg_temp.change (seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at)
SELECT r.seq, r.xid, r.table_id, r.op, r.key, r.old, r.new, r.at, r.times, r.attempts, r.parked_id, r.parked_at
FROM pg_temp.received AS r
WHERE r.place BETWEEN %(first)s AND %(last)s;
