-- receive_staged: takes the staged changes as received ones, for the finer grain.
WITH taken AS (
    DELETE FROM pg_temp.change AS c
    RETURNING c.seq, c.xid, c.table_id, c.op, c.key, c.old, c.new, c.at, c.times, c.attempts, c.parked_id, c.parked_at
)
INSERT INTO pg_temp.received (seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at)
SELECT seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at
FROM taken;
