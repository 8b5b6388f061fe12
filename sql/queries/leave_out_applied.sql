-- leave_out_applied: drops the received changes of transactions that were applied before their batch was at its end.
DELETE FROM pg_temp.received AS r
USING ucrepl.applied_ahead AS a
WHERE a.link_id = %(link)s AND a.xid = r.xid;
