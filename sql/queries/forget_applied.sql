-- forget_applied: forgets the transactions that were applied before their batch was at its end, now that it is.
DELETE FROM ucrepl.applied_ahead AS a
WHERE a.link_id = %(link)s AND pg_catalog.pg_visible_in_snapshot(a.xid, %(ends)s::pg_snapshot);
