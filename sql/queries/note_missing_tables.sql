-- note_missing_tables: notes the changes of tables that the target has not, or has with another key.
INSERT INTO pg_temp.trouble (seq, reason, message)
SELECT c.seq, 'missing', format('the target has no table %%s with the same key', n.table_name)
FROM pg_temp.change AS c
JOIN ucrepl.table_name AS n ON n.table_id = c.table_id
WHERE c.table_id = ANY (%(tables)s);
