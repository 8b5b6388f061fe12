-- move_table: gives what waits of a peer's table (old) to the table that has its place now (new). The pairs of the old one are
-- of rows that are not here any more.
WITH ours AS (
    SELECT k.link_id FROM ucrepl.link AS k WHERE k.peer_id = %(peer)s
),
forgotten AS (
    DELETE FROM ucrepl.identity AS i
    WHERE i.peer_id = %(peer)s AND i.remote_table = %(old)s
),
unseeded AS (
    DELETE FROM ucrepl.seeded_table AS s USING ours AS o WHERE s.link_id = o.link_id AND s.table_id = %(old)s
),
fetched AS (
    DELETE FROM ucrepl.fetched AS f USING ours AS o WHERE f.link_id = o.link_id AND f.table_id = %(old)s
),
postponed AS (
    DELETE FROM ucrepl.postponed AS p USING ours AS o WHERE p.link_id = o.link_id AND p.table_id = %(old)s
),
doubt AS (
    DELETE FROM ucrepl.doubt AS d USING ours AS o WHERE d.link_id = o.link_id AND d.table_id = %(old)s
),
parked AS (
    UPDATE ucrepl.parked AS p SET table_id = %(new)s FROM ours AS o WHERE p.link_id = o.link_id AND p.table_id = %(old)s
)
UPDATE ucrepl.held AS h SET table_id = %(new)s FROM ours AS o WHERE h.link_id = o.link_id AND h.table_id = %(old)s;
