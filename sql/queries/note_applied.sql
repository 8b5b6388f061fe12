-- note_applied: notes the source transactions of the received changes from one place to another: they are applied.
INSERT INTO ucrepl.applied_ahead (link_id, xid)
SELECT DISTINCT %(link)s::integer, r.xid
FROM pg_temp.received AS r
WHERE r.place BETWEEN %(first)s AND %(last)s
ON CONFLICT DO NOTHING;
