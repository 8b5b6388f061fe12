-- free_pairs: forgets the tombstones that stand in the way of the pairs that the source has made: an id was given anew.
--
-- In the way is a tombstone of one half of a pair, with another half. Each half is looked up in the index of its own.
WITH sent AS (
    SELECT r.table_id AS remote_table, p.remote_id, l.table_id AS local_table, p.local_id
    FROM pg_temp.pair AS p
    JOIN ucrepl.table_name AS r ON r.schema_name = p.remote_schema AND r.table_name = p.remote_table
    JOIN ucrepl.table_name AS l ON l.schema_name = p.local_schema AND l.table_name = p.local_table
    WHERE p.deleted_at IS NULL
),
in_the_way AS (
    SELECT i.ctid AS row_id
    FROM sent AS s
    JOIN ucrepl.identity AS i
        ON i.peer_id = %(peer)s AND i.remote_table = s.remote_table AND i.remote_id = s.remote_id
    WHERE i.deleted_at IS NOT NULL AND i.local_table = s.local_table AND i.local_id <> s.local_id
    UNION ALL
    SELECT i.ctid
    FROM sent AS s
    JOIN ucrepl.identity AS i
        ON i.peer_id = %(peer)s AND i.local_table = s.local_table AND i.local_id = s.local_id
    WHERE i.deleted_at IS NOT NULL AND i.remote_table = s.remote_table AND i.remote_id <> s.remote_id
)
DELETE FROM ucrepl.identity AS i
WHERE i.ctid = ANY (ARRAY(SELECT w.row_id FROM in_the_way AS w));
