-- forget_parked_rows: forgets the rows of a table that an earlier seeding has parked, and all that is held of it: its rows
-- are read again.
WITH held AS (
    DELETE FROM ucrepl.held AS h
    WHERE h.link_id = %(link)s AND h.table_id = %(table)s
)
DELETE FROM ucrepl.parked AS p
WHERE p.link_id = %(link)s AND p.table_id = %(table)s AND p.seq < 0 AND p.skipped_at IS NULL;
