-- leave_out_fetched: drops the changes that are in the rows which were fetched. Those of no journal have numbers below zero.
DELETE FROM pg_temp.change AS c
USING ucrepl.fetched AS f
WHERE f.link_id = %(link)s AND f.table_id = c.table_id AND f.key = c.key
    AND c.seq > 0
    AND pg_catalog.pg_visible_in_snapshot(c.xid, f.snapshot);
