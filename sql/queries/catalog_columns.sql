-- catalog_columns: the columns of the tables whose oids are given.
--
-- indexed: an index begins with the column and has all its values, but for null where the index leaves that out.
-- The type is that under all domains, without a modifier: a cast to character varying(3) or to numeric(9,2) changes values.
WITH RECURSIVE typed AS (
    SELECT a.attrelid, a.attnum, a.atttypid AS type_oid, false AS domain
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = ANY (%(oids)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attrelid, b.attnum, t.typbasetype, true
    FROM typed AS b
    JOIN pg_catalog.pg_type AS t ON t.oid = b.type_oid AND t.typtype = 'd'
)
SELECT
    a.attrelid AS oid,
    a.attname AS name,
    pg_catalog.format_type(b.type_oid, -1) AS type,
    b.domain,
    a.attnotnull AS not_null,
    a.attgenerated <> '' AS generated,
    a.attidentity <> '' AS identity,
    EXISTS (
        SELECT FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid
            AND coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '') IN ('', format('(%%I IS NOT NULL)', a.attname))
    ) AS indexed
FROM typed AS b
JOIN pg_catalog.pg_type AS t ON t.oid = b.type_oid AND t.typtype <> 'd'
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = b.attrelid AND a.attnum = b.attnum
ORDER BY a.attrelid, a.attnum;
