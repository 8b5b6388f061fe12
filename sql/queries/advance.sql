-- advance: counts what became of changes, and writes the position to which a batch has come.
--
-- Parameters: ends, null where the position stays (changes that were parked or held, a part of a batch); applied, conflicts;
-- finer, 1 at the end of a batch that could not be applied as a whole.
-- Also numbers and names, quoted and qualified, of the tables that were written: are_others tells whether one is another table
-- by now than when the link was planned. They are locked, so that none can become another one from here on.
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
    finer = k.finer + %(finer)s,
    pairs_complete = k.pairs_complete OR %(ends)s::pg_snapshot IS NOT NULL,
    last_error = CASE WHEN %(ends)s::pg_snapshot IS NULL THEN k.last_error END,
    last_error_at = CASE WHEN %(ends)s::pg_snapshot IS NULL THEN k.last_error_at END
WHERE k.link_id = %(link)s
RETURNING
    (SELECT coalesce(sum(l.rows), 0)::bigint FROM pg_temp.left_out AS l) AS left_out,
    EXISTS (
        SELECT
        FROM unnest(%(numbers)s::integer[], %(names)s::text[]) AS w (number, name)
        JOIN ucrepl.table_name AS t ON t.table_id = w.number
        WHERE t.relation IS DISTINCT FROM pg_catalog.to_regclass(w.name)::oid
    ) AS are_others;
