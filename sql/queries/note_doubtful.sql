-- note_doubtful: notes the staged records that could be several records of this node.
INSERT INTO pg_temp.trouble (seq, reason, message)
SELECT c.seq, 'ambiguous', d.message
FROM ucrepl.doubt AS d
JOIN pg_temp.change AS c ON c.table_id = d.table_id AND c.key = d.remote_id::text
WHERE d.link_id = %(link)s AND d.table_id = ANY (%(tables)s) AND c.op = 'I';
