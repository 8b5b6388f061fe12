-- order_received: numbers the received changes from 1 in an order in which they can be applied one by one.
--
-- A transaction comes before those that depend on it: it had written its last change before they wrote theirs. Inside a
-- transaction the order of writing holds.
WITH transaction AS (
    SELECT xid, max(seq) AS last_seq
    FROM pg_temp.received
    GROUP BY xid
),
placed AS (
    SELECT r.ctid AS row_id, row_number() OVER (ORDER BY t.last_seq, r.seq) AS place
    FROM pg_temp.received AS r
    JOIN transaction AS t ON t.xid = r.xid
)
UPDATE pg_temp.received AS r
SET place = p.place
FROM placed AS p
WHERE r.ctid = p.row_id;
