-- made_columns: the columns that were made, or altered, since the oldest change in the journal, each with the number of the
-- transaction that did; and those with a default that no row holds yet (it was given to all rows when the column was made).
--
-- A transaction number of 32 bits is the nearest one that is not in the future.
WITH node AS (
    SELECT
        pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint AS xid,
        (SELECT j.xid::text::bigint FROM ucrepl.journal AS j ORDER BY j.xid LIMIT 1) AS oldest
)
SELECT
    n.nspname AS schema_name,
    c.relname AS table_name,
    a.attname AS column_name,
    made.xid::text AS xid,
    CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END AS given,
    coalesce(made.xid >= node.oldest, false) AS is_new
FROM node
CROSS JOIN pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT node.xid - (node.xid - a.xmin::text::bigint) % 4294967296 AS xid) AS made
WHERE c.relkind IN ('r', 'p')
    AND c.relpersistence <> 't'
    AND a.attnum > 0
    AND NOT a.attisdropped
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ucrepl')
    AND (a.atthasmissing OR made.xid >= node.oldest);
