-- rename_waiting: gives columns of a peer's table their names of now, in what waits here.
--
-- was and now go together. Names of now are never among those that were.
WITH ours AS (
    SELECT k.link_id FROM ucrepl.link AS k WHERE k.peer_id = %(peer)s
),
named AS (
    SELECT n.was, n.now FROM unnest(%(was)s::text[], %(now)s::text[]) AS n (was, now)
),
parked AS (
    UPDATE ucrepl.parked AS p
    SET
        old = coalesce((
            SELECT @hstore@.hs_concat(
                @hstore@.delete(p.old, %(was)s::text[]),
                @hstore@.hstore(array_agg(n.now), array_agg(@hstore@.fetchval(p.old, n.was)))
            )
            FROM named AS n
            WHERE @hstore@.exist(p.old, n.was)
            HAVING count(*) > 0
        ), p.old),
        new = coalesce((
            SELECT @hstore@.hs_concat(
                @hstore@.delete(p.new, %(was)s::text[]),
                @hstore@.hstore(array_agg(n.now), array_agg(@hstore@.fetchval(p.new, n.was)))
            )
            FROM named AS n
            WHERE @hstore@.exist(p.new, n.was)
            HAVING count(*) > 0
        ), p.new)
    FROM ours AS o
    WHERE p.link_id = o.link_id AND p.table_id = %(table)s
        AND (@hstore@.exists_any(p.old, %(was)s::text[]) OR @hstore@.exists_any(p.new, %(was)s::text[]))
)
UPDATE ucrepl.held AS h
SET
    old = coalesce((
        SELECT @hstore@.hs_concat(
            @hstore@.delete(h.old, %(was)s::text[]),
            @hstore@.hstore(array_agg(n.now), array_agg(@hstore@.fetchval(h.old, n.was)))
        )
        FROM named AS n
        WHERE @hstore@.exist(h.old, n.was)
        HAVING count(*) > 0
    ), h.old),
    new = coalesce((
        SELECT @hstore@.hs_concat(
            @hstore@.delete(h.new, %(was)s::text[]),
            @hstore@.hstore(array_agg(n.now), array_agg(@hstore@.fetchval(h.new, n.was)))
        )
        FROM named AS n
        WHERE @hstore@.exist(h.new, n.was)
        HAVING count(*) > 0
    ), h.new),
    times = NULL
FROM ours AS o
WHERE h.link_id = o.link_id AND h.table_id = %(table)s
    AND (@hstore@.exists_any(h.old, %(was)s::text[]) OR @hstore@.exists_any(h.new, %(was)s::text[]));
