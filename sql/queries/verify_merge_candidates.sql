-- verify_merge_candidates: a row of the target that has been paired meanwhile may be a candidate twice; the first stays.
DELETE FROM pg_temp.verify_candidate AS c
USING pg_temp.verify_candidate AS o
WHERE c.table_id = %(table)s AND o.table_id = c.table_id AND o.key = c.key AND o.candidate_id < c.candidate_id
    AND c.candidate_id > %(after)s AND c.candidate_id <= %(last)s;
