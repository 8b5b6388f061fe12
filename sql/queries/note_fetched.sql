-- note_fetched: sees to it that the changes which the fetched rows hold already are not applied to them.
--
-- Those that are staged, parked, or still to be read. What is remembered of records that were fetched before is forgotten
-- where the link is past it.
WITH fetched AS (
    SELECT a.table_id, a.key
    FROM pg_temp.asked AS a
    WHERE a.round >= %(first)s AND a.found AND a.table_id = ANY (%(tables)s)
),
noted AS (
    INSERT INTO ucrepl.fetched AS f (link_id, table_id, key, snapshot)
    SELECT %(link)s, n.table_id, n.key, %(snapshot)s::pg_snapshot
    FROM fetched AS n
    ON CONFLICT (link_id, table_id, key) DO UPDATE SET snapshot = excluded.snapshot
),
forgotten AS (
    DELETE FROM ucrepl.fetched AS f
    USING ucrepl.link AS k
    WHERE f.link_id = %(link)s AND k.link_id = f.link_id
        AND pg_catalog.pg_snapshot_xmax(f.snapshot) <= pg_catalog.pg_snapshot_xmin(k.position)
        AND NOT EXISTS (SELECT FROM fetched AS n WHERE n.table_id = f.table_id AND n.key = f.key)
),
settled AS (
    DELETE FROM ucrepl.parked AS p
    USING fetched AS n
    WHERE p.link_id = %(link)s AND p.table_id = n.table_id AND p.key = n.key AND p.seq > 0 AND p.skipped_at IS NULL
        AND pg_catalog.pg_visible_in_snapshot(p.xid, %(snapshot)s::pg_snapshot)
)
DELETE FROM pg_temp.change AS c
USING fetched AS n
WHERE c.table_id = n.table_id AND c.key = n.key AND c.seq > 0
    AND pg_catalog.pg_visible_in_snapshot(c.xid, %(snapshot)s::pg_snapshot);
