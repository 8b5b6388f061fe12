-- catalog_columns: the columns of the tables whose oids are given.
SELECT
    a.attrelid AS oid,
    a.attname,
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull,
    a.attgenerated <> '' AS generated,
    a.attidentity <> '' AS identity
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = ANY (%(oids)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum;
