-- files_into_rows: notes the content of a file for the staged changes of attachments that refer to it.
INSERT INTO pg_temp.stored (seq, data)
SELECT c.seq, %(data)b
FROM pg_temp.change AS c
WHERE c.table_id = %(table)s AND c.op IN ('I', 'U', 'M')
    AND c.new OPERATOR(@hstore@.->) 'store_fname' = %(name)s;
