-- apply_pairs: takes over the pairs of ids that the source has made or buried. What the source calls remote is local here.
-- Returns whether an id of one is another one on the other side.
--
-- A pair whose one half is paired already is left alone: both sides can have recognised the same two records at the
-- same time, and the first pair stays.
WITH sent AS (
    SELECT t.table_id AS remote_table, p.remote_id, t.table_id AS local_table, p.local_id, p.deleted_at
    FROM pg_temp.pair AS p
    JOIN pg_temp.partner AS t ON t.number = p.number
),
buried AS (
    UPDATE ucrepl.identity AS i
    SET deleted_at = s.deleted_at
    FROM sent AS s
    WHERE i.peer_id = %(peer)s AND i.remote_table = s.remote_table AND i.remote_id = s.remote_id
        AND i.local_table = s.local_table AND i.local_id = s.local_id
        AND i.deleted_at IS DISTINCT FROM s.deleted_at
),
taken AS (
    INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, deleted_at)
    SELECT %(peer)s, s.remote_table, s.remote_id, s.local_table, s.local_id, s.deleted_at
    FROM sent AS s
    ON CONFLICT DO NOTHING
)
SELECT coalesce(bool_or(s.remote_id <> s.local_id), false) AS ids_differ
FROM sent AS s;
