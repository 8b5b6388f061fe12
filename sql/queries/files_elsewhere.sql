-- files_elsewhere: whether staged changes of attachments say that the source keeps a content, or kept it, elsewhere.
SELECT EXISTS (
    SELECT FROM pg_temp.change AS c
    WHERE c.table_id = %(table)s AND c.op IN ('I', 'U', 'M')
        AND (
            c.new OPERATOR(@hstore@.->) %(theirs)s NOT IN ('', '\x')
            OR (c.op <> 'I' AND @hstore@.exist(c.new, %(theirs)s) AND NOT @hstore@.exist(c.new, %(ours)s))
        )
);
