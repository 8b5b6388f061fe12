-- pairs_in_names: the pairs, of a link's peer, of records of tables whose ids stand in names of columns.
SELECT i.remote_table, i.remote_id, i.local_id
FROM ucrepl.identity AS i
JOIN ucrepl.link AS k ON k.peer_id = i.peer_id
JOIN ucrepl.table_name AS n ON n.table_id = i.remote_table
WHERE k.name = %(link)s AND n.schema_name = 'public' AND n.table_name = ANY (%(tables)s)
ORDER BY i.remote_table, i.remote_id;
