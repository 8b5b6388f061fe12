-- forget_parked_staged: forgets the rows that an earlier seeding has parked and that are staged now: they are tried again.
DELETE FROM ucrepl.parked AS p
USING pg_temp.change AS c
WHERE p.link_id = %(link)s AND p.table_id = c.table_id AND p.key = c.key AND p.seq < 0 AND p.skipped_at IS NULL;
