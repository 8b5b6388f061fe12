-- batch: the changes that are visible in the snapshot `ends` and were not in `position`, in no order.
--
-- Transactions that were running at `position` are looked up one by one, so that one left open for hours does not make
-- every batch read the journal from there. tables: the number that each table has on the target, by its number here;
-- negative: left out by a rule, its rows do not travel. seeded: in the same way, the snapshot from which the rows of a
-- table were copied, null where they were not; what is visible in it is left out.
--
-- Of inserted rows the nulls do not travel (pg_temp.blank has an image of nothing else of each table): they are a third
-- of a row, and a column that does not come becomes null.
--
-- The mark after FROM is `numbered`, or a subquery of it, in which tables have their masks, and the columns and keys of now.
WITH visible AS (
    SELECT j.*
    FROM ucrepl.journal AS j
    WHERE j.xid >= pg_catalog.pg_snapshot_xmax(%(position)s::pg_snapshot)
        AND j.xid < pg_catalog.pg_snapshot_xmax(%(ends)s::pg_snapshot)
        AND pg_catalog.pg_visible_in_snapshot(j.xid, %(ends)s::pg_snapshot)
    UNION ALL
    SELECT j.*
    FROM ucrepl.journal AS j
    WHERE j.xid = ANY (ARRAY(
        SELECT x FROM pg_catalog.pg_snapshot_xip(%(position)s::pg_snapshot) AS x
        WHERE pg_catalog.pg_visible_in_snapshot(x, %(ends)s::pg_snapshot)
    ))
),
numbered AS (
    SELECT v.*, coalesce((%(tables)s::integer[])[v.table_id], 0) AS number
    FROM visible AS v
    WHERE pg_catalog.pg_visible_in_snapshot(v.xid, (%(seeded)s::pg_snapshot[])[v.table_id]) IS NOT TRUE
)
SELECT
    n.seq,
    n.xid,
    n.number,
    n.op,
    n.key,
    CASE WHEN n.number > 0 THEN n.old END,
    CASE WHEN n.number > 0 THEN coalesce(n.new OPERATOR(@hstore@.-) b.image, n.new) END,
    n.at
FROM @changes@ AS n
LEFT JOIN pg_temp.blank AS b ON b.table_id = n.table_id AND n.op = 'I'
