-- pairs_between: those that were made between two ticks.
i.shipped_xid >= pg_catalog.pg_snapshot_xmin(%(position)s::pg_snapshot)
AND i.shipped_xid < pg_catalog.pg_snapshot_xmax(%(ends)s::pg_snapshot)
AND pg_catalog.pg_visible_in_snapshot(i.shipped_xid, %(ends)s::pg_snapshot)
AND NOT pg_catalog.pg_visible_in_snapshot(i.shipped_xid, %(position)s::pg_snapshot)
