-- advance: writes the position and the counters of a batch, and empties what the batch has noted.
WITH counted AS (
    INSERT INTO ucrepl.skipped AS s (link_id, rule, rows)
    SELECT %(link)s, l.rule, sum(l.rows)
    FROM pg_temp.left_out AS l
    GROUP BY l.rule
    HAVING sum(l.rows) > 0
    ON CONFLICT (link_id, rule) DO UPDATE SET rows = s.rows + excluded.rows
)
UPDATE ucrepl.link AS k
SET
    position = %(ends)s::pg_snapshot,
    position_at = now(),
    applied = k.applied + %(applied)s,
    skipped = k.skipped + coalesce((SELECT sum(l.rows) FROM pg_temp.left_out AS l), 0),
    conflicts = k.conflicts + %(conflicts)s,
    pairs_complete = true,
    last_error = NULL,
    last_error_at = NULL
WHERE k.link_id = %(link)s
RETURNING (SELECT coalesce(sum(l.rows), 0)::bigint FROM pg_temp.left_out AS l) AS left_out;
