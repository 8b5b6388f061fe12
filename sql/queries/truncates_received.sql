-- truncates_received: first and last place of the runs of TRUNCATE among the received changes: TRUNCATE a, b makes one.
WITH truncated AS (
    SELECT r.xid, r.place, r.place - row_number() OVER (PARTITION BY r.xid ORDER BY r.place) AS run
    FROM pg_temp.received AS r
    WHERE r.op = 'T'
)
SELECT min(t.place) AS first_place, max(t.place) AS last_place
FROM truncated AS t
GROUP BY t.xid, t.run
ORDER BY first_place;
