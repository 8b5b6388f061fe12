-- ordered_received: first and last place of what must be applied by itself among the received changes, in order: the
-- update of a key, and a run of TRUNCATE (TRUNCATE a, b makes one).
WITH ordered AS (
    SELECT
        r.xid,
        r.place,
        CASE r.op WHEN 'T' THEN r.place - row_number() OVER (PARTITION BY r.xid, r.op ORDER BY r.place) END AS run
    FROM pg_temp.received AS r
    WHERE r.op IN ('K', 'T')
)
SELECT min(o.place) AS first_place, max(o.place) AS last_place
FROM ordered AS o
GROUP BY o.xid, coalesce(o.run, -o.place)
ORDER BY first_place;
