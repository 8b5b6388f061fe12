-- note_queued: notes the changes of records of which an earlier change is parked: they must wait behind it.
--
-- A TRUNCATE is a change of all records of its table. Differences of totals need not wait for each other.
INSERT INTO pg_temp.trouble (seq, reason, message)
SELECT DISTINCT ON (c.seq) c.seq, 'queued', format('an earlier change of the record is parked (%%s)', p.parked_id)
FROM pg_temp.change AS c
JOIN ucrepl.parked AS p
    ON p.link_id = %(link)s AND p.table_id = c.table_id AND p.skipped_at IS NULL AND p.seq < c.seq
    AND (p.key = c.key OR p.op = 'T' OR c.op = 'T')
WHERE c.table_id <> ALL (%(totals)s::integer[])
ORDER BY c.seq, p.parked_id DESC;
