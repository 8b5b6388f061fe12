-- parked_skip: gives parked changes up, and counts them as left out. Returns their ids.
--
-- The caller has locked the links before, as a batch does.
WITH gone AS (
    UPDATE ucrepl.parked AS p
    SET skipped_at = now()
    WHERE p.parked_id = ANY (%(ids)s::bigint[]) AND p.skipped_at IS NULL
    RETURNING p.parked_id, p.link_id
),
counted AS (
    SELECT g.link_id, count(*) AS rows
    FROM gone AS g
    GROUP BY g.link_id
),
noted AS (
    INSERT INTO ucrepl.skipped AS s (link_id, rule, rows)
    SELECT c.link_id, 'parked skip', c.rows
    FROM counted AS c
    ON CONFLICT (link_id, rule) DO UPDATE SET rows = s.rows + excluded.rows
),
added AS (
    UPDATE ucrepl.link AS k
    SET skipped = k.skipped + c.rows
    FROM counted AS c
    WHERE c.link_id = k.link_id
)
SELECT g.parked_id
FROM gone AS g
ORDER BY g.parked_id;
