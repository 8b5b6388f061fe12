-- stage_pairs: stages a few pairs of ids that the source has made, from JSON.
INSERT INTO pg_temp.pair (local_schema, local_table, local_id, remote_schema, remote_table, remote_id, deleted_at)
SELECT p.local_schema, p.local_table, p.local_id, p.remote_schema, p.remote_table, p.remote_id, p.deleted_at
FROM json_to_recordset(%(pairs)s::json) AS p (
    local_schema name, local_table name, local_id bigint, remote_schema name, remote_table name, remote_id bigint,
    deleted_at timestamptz
);
