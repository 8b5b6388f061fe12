-- stage_pairs: stages a few pairs of ids that the source has made, from JSON.
INSERT INTO pg_temp.pair (number, local_id, remote_id, deleted_at)
SELECT p.number, p.local_id, p.remote_id, p.deleted_at
FROM json_to_recordset(%(pairs)s::json) AS p (number integer, local_id bigint, remote_id bigint, deleted_at timestamptz);
