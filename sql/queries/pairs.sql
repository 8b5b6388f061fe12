-- pairs: the pairs of ids that this node has made, or buried, for the target; the mark says which: `pairs_between`, or
-- `pairs_at_all`. The number is that of the table here, to which both ids belong.
SELECT i.local_table AS number, i.remote_id AS local_id, i.local_id AS remote_id, i.deleted_at
FROM ucrepl.identity AS i
JOIN ucrepl.peer AS p ON p.peer_id = i.peer_id AND p.uuid = %(target)s
WHERE @which@
