-- stopgaps_come: of which tables and columns records have become known that were not. A row that was left out has no column.
--
-- There are few records that are not known, and many references to them: the records are looked up one after the other.
WITH RECURSIVE lacking AS (
    (
        SELECT s.space, s.remote_id
        FROM ucrepl.stopgap AS s
        WHERE s.peer_id = %(peer)s
        ORDER BY s.space, s.remote_id
        LIMIT 1
    )
    UNION ALL
    SELECT further.space, further.remote_id
    FROM lacking AS l
    CROSS JOIN LATERAL (
        SELECT s.space, s.remote_id
        FROM ucrepl.stopgap AS s
        WHERE s.peer_id = %(peer)s AND (s.space, s.remote_id) > (l.space, l.remote_id)
        ORDER BY s.space, s.remote_id
        LIMIT 1
    ) AS further
)
SELECT DISTINCT s.table_id, CASE WHEN s.local_key IS NOT NULL THEN s.column_name END AS column_name
FROM lacking AS l
JOIN ucrepl.identity AS i ON i.peer_id = %(peer)s AND i.remote_table = l.space AND i.remote_id = l.remote_id
JOIN ucrepl.stopgap AS s ON s.peer_id = %(peer)s AND s.space = l.space AND s.remote_id = l.remote_id
WHERE i.deleted_at IS NULL
ORDER BY s.table_id, column_name;
