-- document_pairs: the ids that a peer's records of document numbers have here.
SELECT m.table_name, m.remote_id, m.local_id
FROM ucrepl.identity_map AS m
WHERE m.peer = %(peer)s AND m.table_name IN ('ir_sequence', 'ir_sequence_date_range');
