-- note_doubt: keeps which of the staged records could be several records of this node, until they are copied.
INSERT INTO ucrepl.doubt (link_id, table_id, remote_id, message)
SELECT DISTINCT ON (c.table_id, c.key) %(link)s, c.table_id, c.key::bigint, t.message
FROM pg_temp.trouble AS t
JOIN pg_temp.change AS c ON c.seq = t.seq
WHERE t.reason = 'ambiguous'
ORDER BY c.table_id, c.key, t.message
ON CONFLICT (link_id, table_id, remote_id) DO UPDATE SET message = excluded.message;
