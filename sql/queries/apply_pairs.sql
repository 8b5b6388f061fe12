-- apply_pairs: takes over the pairs of ids that the source has made. What the source calls remote is local here.
--
-- A pair that is known already stays as it is: both sides can have recognised the same two records at the same time.
INSERT INTO ucrepl.identity AS i (peer_id, remote_table, remote_id, local_table, local_id, deleted_at)
SELECT %(peer)s, r.table_id, p.remote_id, l.table_id, p.local_id, p.deleted_at
FROM pg_temp.pair AS p
JOIN ucrepl.table_name AS r ON r.schema_name = p.remote_schema AND r.table_name = p.remote_table
JOIN ucrepl.table_name AS l ON l.schema_name = p.local_schema AND l.table_name = p.local_table
ON CONFLICT (peer_id, remote_table, remote_id) DO UPDATE
    SET deleted_at = excluded.deleted_at
    WHERE i.local_id = excluded.local_id AND i.deleted_at IS DISTINCT FROM excluded.deleted_at;
