-- rekey_waiting: makes the keys of what waits here of a peer's table of the columns of which they are wanted now.
--
-- Of an update that is not possible: it has no key then. Nor is it of values of columns.
WITH ours AS (
    SELECT k.link_id FROM ucrepl.link AS k WHERE k.peer_id = %(peer)s
),
parked AS (
    UPDATE ucrepl.parked AS p
    SET key = ucrepl.rebuilt_key(
        p.key, %(made_of)s::text[], %(wanted)s::text[], CASE WHEN p.op = 'I' THEN p.new ELSE p.old END
    )
    FROM ours AS o
    WHERE p.link_id = o.link_id AND p.table_id = %(table)s AND p.op <> 'T'
)
UPDATE ucrepl.held AS h
SET key = ucrepl.rebuilt_key(
    h.key, %(made_of)s::text[], %(wanted)s::text[], CASE WHEN h.op = 'I' THEN h.new ELSE h.old END
)
FROM ours AS o
WHERE h.link_id = o.link_id AND h.table_id = %(table)s AND h.op <> 'T';
