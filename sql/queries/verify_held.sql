-- verify_held: of which of these records changes are held that have a place by now and wait to be applied.
--
-- key null: of all of the table. columns: those that are compared.
SELECT DISTINCT h.key
FROM ucrepl.held AS h
JOIN ucrepl.link AS k ON k.link_id = h.link_id AND k.name = %(link)s
WHERE h.table_id = %(number)s
    AND (h.key = ANY (%(keys)s::text[]) OR h.key IS NULL)
    AND (h.op <> 'C' OR @hstore@.exists_any(h.new, %(columns)s::text[]));
