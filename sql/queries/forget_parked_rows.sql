-- forget_parked_rows: forgets the rows of a table that an earlier seeding has parked: they are read again.
DELETE FROM ucrepl.parked AS p
WHERE p.link_id = %(link)s AND p.table_id = %(table)s AND p.seq < 0 AND p.skipped_at IS NULL;
