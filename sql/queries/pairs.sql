-- pairs: the pairs of ids that this node has made, or buried, for the target between two ticks.
--
-- A null position asks for all pairs there are, but for those that were made for a peer which gets the record from another.
COPY (
    SELECT
        r.schema_name,
        r.table_name,
        i.remote_id,
        l.schema_name,
        l.table_name,
        i.local_id,
        i.deleted_at
    FROM ucrepl.identity AS i
    JOIN ucrepl.peer AS p ON p.peer_id = i.peer_id AND p.uuid = %(target)s
    JOIN ucrepl.table_name AS r ON r.table_id = i.remote_table
    JOIN ucrepl.table_name AS l ON l.table_id = i.local_table
    WHERE (%(position)s::pg_snapshot IS NULL AND i.shipped_xid IS DISTINCT FROM '0'::xid8)
        OR (
            i.shipped_xid >= pg_catalog.pg_snapshot_xmin(%(position)s::pg_snapshot)
            AND i.shipped_xid < pg_catalog.pg_snapshot_xmax(%(ends)s::pg_snapshot)
            AND pg_catalog.pg_visible_in_snapshot(i.shipped_xid, %(ends)s::pg_snapshot)
            AND NOT pg_catalog.pg_visible_in_snapshot(i.shipped_xid, %(position)s::pg_snapshot)
        )
) TO STDOUT (FORMAT binary)
