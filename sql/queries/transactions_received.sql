-- transactions_received: the last place of every source transaction among the received changes, in order.
SELECT max(place) AS last_place
FROM pg_temp.received
GROUP BY xid
ORDER BY last_place;
