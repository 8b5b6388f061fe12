-- cutover_first_change: when the node was first written to after the transaction `opened`.
SELECT j.at
FROM ucrepl.journal AS j
WHERE j.xid > %(opened)s::text::xid8
ORDER BY j.xid
LIMIT 1;
