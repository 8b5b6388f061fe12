-- take_parked: takes parked changes out to try them again, all of the link or those with the ids given.
WITH taken AS (
    DELETE FROM ucrepl.parked AS p
    WHERE p.link_id = %(link)s AND p.skipped_at IS NULL
        AND (%(ids)s::bigint[] IS NULL OR p.parked_id = ANY (%(ids)s::bigint[]))
    RETURNING p.*
)
INSERT INTO pg_temp.received (seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at)
SELECT seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at
FROM taken;
