-- note_found: marks the records asked for that were staged. Returns whether the source lacks some of them.
WITH staged AS (
    UPDATE pg_temp.asked AS a
    SET found = true
    FROM pg_temp.change AS c
    WHERE a.round >= %(first)s AND c.table_id = a.table_id AND c.key = a.key AND c.op = 'I'
    RETURNING a.table_id, a.key
)
SELECT (SELECT count(*) FROM staged) < count(*) AS some_are_gone
FROM pg_temp.asked AS a
WHERE a.round >= %(first)s;
