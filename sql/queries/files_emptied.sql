-- files_emptied: attachments that have lost their contents in one place have them in no place.
INSERT INTO pg_temp.stored (seq)
SELECT c.seq
FROM pg_temp.change AS c
WHERE c.table_id = %(table)s AND c.op IN ('U', 'M')
    AND @hstore@.exist(c.new, %(theirs)s) AND NOT @hstore@.exist(c.new, %(ours)s)
    AND coalesce(c.new OPERATOR(@hstore@.->) %(theirs)s, '') IN ('', '\x');
