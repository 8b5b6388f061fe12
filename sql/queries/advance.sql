-- advance: counts what became of changes, and writes the position to which a batch has come.
--
-- Parameters: ends, null where the position stays (changes that were parked or held, a part of a batch); applied, conflicts.
-- What is in pg_temp.left_out by then is counted as left out.
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
    position = coalesce(%(ends)s::pg_snapshot, k.position),
    position_at = CASE WHEN %(ends)s::pg_snapshot IS NULL THEN k.position_at ELSE now() END,
    applied = k.applied + %(applied)s,
    skipped = k.skipped + coalesce((SELECT sum(l.rows) FROM pg_temp.left_out AS l), 0),
    conflicts = k.conflicts + %(conflicts)s,
    pairs_complete = k.pairs_complete OR %(ends)s::pg_snapshot IS NOT NULL,
    last_error = CASE WHEN %(ends)s::pg_snapshot IS NULL THEN k.last_error END,
    last_error_at = CASE WHEN %(ends)s::pg_snapshot IS NULL THEN k.last_error_at END
WHERE k.link_id = %(link)s
RETURNING (SELECT coalesce(sum(l.rows), 0)::bigint FROM pg_temp.left_out AS l) AS left_out;
