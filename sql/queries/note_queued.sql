-- note_queued: notes the changes of records of which an earlier change is parked: they must wait behind it.
INSERT INTO pg_temp.trouble (seq, reason, message)
SELECT DISTINCT ON (c.seq) c.seq, 'queued', format('an earlier change of the record is parked (%%s)', p.parked_id)
FROM pg_temp.change AS c
JOIN ucrepl.parked AS p
    ON p.link_id = %(link)s AND p.table_id = c.table_id AND p.key = c.key AND p.skipped_at IS NULL AND p.seq < c.seq
ORDER BY c.seq, p.parked_id DESC;
