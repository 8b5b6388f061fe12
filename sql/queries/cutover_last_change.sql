-- cutover_last_change: when the node was last written to by others than replay.
SELECT max(j.at) AS at
FROM (SELECT c.at FROM ucrepl.journal AS c ORDER BY c.xid DESC LIMIT 100) AS j;
