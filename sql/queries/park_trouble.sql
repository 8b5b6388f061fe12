-- park_trouble: parks the changes that trouble was noted for, and takes them out of the batch.
--
-- One that was parked before keeps its number: people have it on a note.
WITH first_trouble AS (
    SELECT DISTINCT ON (t.seq) t.seq, t.reason, t.sqlstate, t.message
    FROM pg_temp.trouble AS t
    ORDER BY t.seq
),
taken AS (
    DELETE FROM pg_temp.change AS c
    USING first_trouble AS t
    WHERE c.seq = t.seq
    RETURNING
        c.seq, c.xid, c.table_id, c.op, c.key, c.old, c.new, c.at, c.times, c.attempts, c.parked_id, c.parked_at,
        t.reason, t.sqlstate, t.message
),
done AS (
    DELETE FROM pg_temp.trouble
)
INSERT INTO ucrepl.parked (
    parked_id, link_id, seq, xid, table_id, op, key, old, new, at, times, reason, sqlstate, message, attempts, parked_at
)
OVERRIDING SYSTEM VALUE
SELECT
    coalesce(parked_id, nextval('ucrepl.parked_parked_id_seq')),
    %(link)s, seq, xid, table_id, op, key, old, new, at, times, reason, sqlstate, message, attempts + 1,
    coalesce(parked_at, now())
FROM taken;
