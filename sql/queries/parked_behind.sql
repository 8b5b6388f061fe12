-- parked_behind: the parked changes that wait behind the given ones: later ones of the same records.
SELECT DISTINCT later.parked_id
FROM ucrepl.parked AS p
JOIN ucrepl.parked AS later
    ON later.link_id = p.link_id AND later.table_id = p.table_id AND later.key = p.key AND later.seq > p.seq
WHERE p.parked_id = ANY (%(ids)s::bigint[]) AND later.parked_id <> ALL (%(ids)s::bigint[]) AND later.skipped_at IS NULL
ORDER BY later.parked_id;
