-- verify_stopgaps: which columns of these rows, or which rows, stand for records of a peer that are not known on this node.
--
-- A row that was left out has no column, and only the key of the peer; of a row that is here the key is this node's.
SELECT CASE WHEN s.local_key IS NULL THEN s.key ELSE s.local_key END, s.local_key IS NULL,
    CASE WHEN s.local_key IS NOT NULL THEN s.column_name::text END
FROM ucrepl.stopgap AS s
JOIN ucrepl.peer AS p ON p.peer_id = s.peer_id
WHERE s.table_id = %(number)s AND (
    s.local_key = ANY (%(local_keys)s::text[])
    OR s.local_key IS NULL AND p.name = %(peer)s AND s.key = ANY (%(peer_keys)s::text[])
)
