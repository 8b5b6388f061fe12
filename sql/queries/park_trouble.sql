-- park_trouble: parks the changes that trouble was noted for, and takes them out of the batch.
WITH first_trouble AS (
    SELECT DISTINCT ON (t.seq) t.seq, t.reason, t.sqlstate, t.message
    FROM pg_temp.trouble AS t
    ORDER BY t.seq
),
taken AS (
    DELETE FROM pg_temp.change AS c
    USING first_trouble AS t
    WHERE c.seq = t.seq
    RETURNING c.seq, c.xid, c.table_id, c.op, c.key, c.old, c.new, c.at, c.attempts, t.reason, t.sqlstate, t.message
),
done AS (
    DELETE FROM pg_temp.trouble
)
INSERT INTO ucrepl.parked (link_id, seq, xid, table_id, op, key, old, new, at, reason, sqlstate, message, attempts)
SELECT %(link)s, seq, xid, table_id, op, key, old, new, at, reason, sqlstate, message, attempts + 1
FROM taken;
