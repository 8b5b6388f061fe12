-- files_wanted: the files to which staged changes of attachments refer, with what these say of their contents.
SELECT
    w.image OPERATOR(@hstore@.->) 'store_fname' AS name,
    max((w.image OPERATOR(@hstore@.->) 'file_size')::bigint) AS size,
    max(w.image OPERATOR(@hstore@.->) 'checksum') AS checksum
FROM (
    SELECT c.new AS image
    FROM pg_temp.change AS c
    WHERE c.table_id = %(table)s AND c.op IN ('I', 'U', 'M')
) AS w
WHERE w.image OPERATOR(@hstore@.->) 'store_fname' <> ''
GROUP BY 1
ORDER BY 1;
