-- catalog_unique_indexes: what the unique indexes of the tables whose oids are given forbid, but for primary keys.
--
-- expressions and predicate are SQL over the columns of the table, by their bare names; columns: all that they use.
-- nulls_alike: NULLS NOT DISTINCT, which PostgreSQL 13 and 14 do not know, nor a column that says so.
SELECT
    i.indrelid AS oid,
    ARRAY(
        SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k.position, true)
        FROM generate_series(1, i.indnkeyatts::integer) AS k (position)
        ORDER BY k.position
    ) AS expressions,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid, true) AS predicate,
    ARRAY(
        SELECT DISTINCT a.attname::text
        FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
            AND d.refobjid = i.indrelid
            AND d.refobjsubid > 0
            AND d.objid = i.indexrelid
        UNION
        SELECT a.attname::text
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::smallint[])
        ORDER BY 1
    ) AS columns,
    coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_alike
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
WHERE i.indrelid = ANY (%(oids)s::oid[])
    AND i.indisunique AND i.indisvalid AND NOT i.indisprimary
ORDER BY i.indrelid, x.relname;
