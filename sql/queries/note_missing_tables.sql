-- note_missing_tables: notes the changes of tables that are not on both sides, or not with the same key.
INSERT INTO pg_temp.trouble (seq, reason, message)
SELECT c.seq, 'missing', format('table %%s is not on both sides with the same key', n.table_name)
FROM pg_temp.change AS c
JOIN ucrepl.table_name AS n ON n.table_id = c.table_id
WHERE c.table_id = ANY (%(tables)s);
