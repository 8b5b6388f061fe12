-- files_in_rows: the contents of attachments in staged changes, where the source keeps them in the row.
SELECT c.seq, (c.new OPERATOR(@hstore@.->) 'db_datas')::bytea AS data
FROM pg_temp.change AS c
WHERE c.table_id = %(table)s AND c.op IN ('I', 'U', 'M')
    AND c.new OPERATOR(@hstore@.->) 'db_datas' NOT IN ('', '\x');
