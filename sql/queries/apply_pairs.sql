-- apply_pairs: takes over the pairs of ids that the source has made or buried. What the source calls remote is local here.
--
-- A pair whose one half is paired already is left alone: both sides can have recognised the same two records at the
-- same time, and the first pair stays.
WITH sent AS (
    SELECT r.table_id AS remote_table, p.remote_id, l.table_id AS local_table, p.local_id, p.deleted_at
    FROM pg_temp.pair AS p
    JOIN ucrepl.table_name AS r ON r.schema_name = p.remote_schema AND r.table_name = p.remote_table
    JOIN ucrepl.table_name AS l ON l.schema_name = p.local_schema AND l.table_name = p.local_table
),
buried AS (
    UPDATE ucrepl.identity AS i
    SET deleted_at = s.deleted_at
    FROM sent AS s
    WHERE i.peer_id = %(peer)s AND i.remote_table = s.remote_table AND i.remote_id = s.remote_id
        AND i.local_table = s.local_table AND i.local_id = s.local_id
        AND i.deleted_at IS DISTINCT FROM s.deleted_at
)
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, deleted_at)
SELECT %(peer)s, s.remote_table, s.remote_id, s.local_table, s.local_id, s.deleted_at
FROM sent AS s
ON CONFLICT DO NOTHING;
