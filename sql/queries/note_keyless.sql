-- note_keyless: notes the changes of these tables of which it is not known to which rows they were done.
INSERT INTO pg_temp.trouble (seq, reason, message)
SELECT
    c.seq,
    'missing',
    'the key of its table is made of other columns by now, and which row it was is not known: compare the table again'
FROM pg_temp.change AS c
WHERE c.key IS NULL AND c.op IN ('I', 'U', 'K', 'D') AND c.table_id = ANY (%(tables)s);
