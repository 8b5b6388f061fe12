-- transactions_received: the last place of every source transaction among the received changes, in order, with its number.
SELECT max(place) AS last_place, xid::text AS xid
FROM pg_temp.received
GROUP BY xid
ORDER BY last_place;
