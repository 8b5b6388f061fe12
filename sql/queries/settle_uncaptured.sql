-- settle_uncaptured: the link has a table as it was in the snapshot `seen`; what no link lacks any more is forgotten.
WITH made_up AS (
    INSERT INTO ucrepl.resynced AS r (link, table_id, seen)
    SELECT %(link)s, n.table_id, %(seen)s::pg_snapshot
    FROM ucrepl.table_name AS n
    WHERE n.schema_name = %(schema)s AND n.table_name = %(table)s AND n.relation IS NOT NULL
        AND EXISTS (SELECT FROM ucrepl.uncaptured AS u WHERE u.table_id = n.table_id)
    ON CONFLICT (link, table_id) DO UPDATE SET seen = excluded.seen
    RETURNING r.link, r.table_id, r.seen
)
DELETE FROM ucrepl.uncaptured AS u
USING made_up AS m
WHERE u.table_id = m.table_id AND NOT EXISTS (
    SELECT FROM ucrepl.consumer AS c
    LEFT JOIN (
        SELECT r.link, r.table_id, r.seen FROM ucrepl.resynced AS r, made_up AS o WHERE r.link <> o.link
        UNION ALL
        SELECT o.link, o.table_id, o.seen FROM made_up AS o
    ) AS k ON k.link = c.link AND k.table_id = u.table_id
    WHERE pg_catalog.pg_visible_in_snapshot(u.xid, k.seen) IS NOT TRUE
);
