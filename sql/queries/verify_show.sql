-- verify_show: the first ones of the rows of a table that differ.
SELECT f.kind, f.key, f.local_key, f.parked, f.columns, f.source_values, f.target_values, f.outcome
FROM pg_temp.verify_finding AS f
WHERE f.table_id = %(table)s AND f.kind <> 'left out'
ORDER BY f.finding_id
LIMIT %(limit)s;
