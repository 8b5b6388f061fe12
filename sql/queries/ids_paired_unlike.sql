-- ids_paired_unlike: the tables of which records have another id on the source of a link than here, with the first one.
SELECT DISTINCT ON (n.table_id)
    n.schema_name,
    n.table_name,
    count(*) OVER (PARTITION BY n.table_id) AS records,
    i.remote_id,
    i.local_id
FROM ucrepl.identity AS i
JOIN ucrepl.table_name AS n ON n.table_id = i.remote_table
WHERE i.peer_id = %(peer)s AND i.remote_id <> i.local_id AND i.deleted_at IS NULL
ORDER BY n.table_id, i.remote_id;
