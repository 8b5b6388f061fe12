-- pairs: the pairs of ids that this node has made, or buried, for the target; the mark says which: `pairs_between`, or
-- `pairs_at_all`.
SELECT
    r.schema_name AS local_schema,
    r.table_name AS local_table,
    i.remote_id AS local_id,
    l.schema_name AS remote_schema,
    l.table_name AS remote_table,
    i.local_id AS remote_id,
    i.deleted_at
FROM ucrepl.identity AS i
JOIN ucrepl.peer AS p ON p.peer_id = i.peer_id AND p.uuid = %(target)s
JOIN ucrepl.table_name AS r ON r.table_id = i.remote_table
JOIN ucrepl.table_name AS l ON l.table_id = i.local_table
WHERE @which@
