-- free_pairs: forgets the tombstones that stand in the way of the pairs that the source has made: an id was given anew.
--
-- In the way is a tombstone of one half of a pair, with another half. Each half is looked up in the index of its own.
WITH sent AS (
    SELECT t.table_id AS remote_table, p.remote_id, t.table_id AS local_table, p.local_id
    FROM pg_temp.pair AS p
    JOIN pg_temp.partner AS t ON t.number = p.number
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
