-- verify_next_findings: the next findings of a table that a repair has not come to in this pass.
SELECT f.finding_id
FROM pg_temp.verify_finding AS f
WHERE f.table_id = %(table)s AND f.outcome IS DISTINCT FROM 'done' AND f.finding_id <= %(last)s
    AND (f.kind IN ('missing', 'different') OR (%(deletes)s AND f.kind = 'extra' AND f.key IS NOT NULL))
ORDER BY f.finding_id
LIMIT %(rows)s;
