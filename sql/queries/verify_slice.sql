-- verify_slice: the last one of the next so many candidates of a table; null when there are none.
SELECT max(s.candidate_id)
FROM (
    SELECT c.candidate_id
    FROM pg_temp.verify_candidate AS c
    WHERE c.table_id = %(table)s AND c.candidate_id > %(after)s
    ORDER BY c.candidate_id
    LIMIT %(rows)s
) AS s;
