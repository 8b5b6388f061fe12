-- catalog_tables: every user table, with the columns that identify a row and the sequence that hands out its ids.
--
-- A key is the primary key, else the shortest unique index over plain columns that are not null. Partitions belong
-- to their root. The sequence is the one that the default of the only key column takes its values from. `plain`: nothing
-- happens when a row is written but that indexes are kept and ordinary foreign keys are checked, and only keys are
-- referred to. `parent`: the one table from which it inherits.
WITH user_table AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relhasrules
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
        AND NOT c.relispartition
        AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ucrepl')
        AND n.nspname !~ '^pg_(toast|temp)'
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        )
),
unique_index AS (
    SELECT
        i.indrelid,
        i.indisprimary,
        i.indkey::smallint[] AS attnums,
        array_agg(a.attname::text ORDER BY k.position) AS columns,
        bool_and(a.attnotnull) AS not_null
    FROM pg_catalog.pg_index AS i
    JOIN user_table AS t ON t.oid = i.indrelid
    CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
        AND k.position <= i.indnkeyatts
    GROUP BY i.indexrelid, i.indrelid, i.indisprimary, i.indkey
),
row_key AS (
    SELECT DISTINCT ON (indrelid) indrelid, columns, attnums
    FROM unique_index
    WHERE not_null
    ORDER BY indrelid, indisprimary DESC, cardinality(columns), columns
),
id_sequence AS (
    SELECT k.indrelid, format('%I.%I', sn.nspname, s.relname) AS sequence
    FROM row_key AS k
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.indrelid AND a.attname = k.columns[1]
    JOIN pg_catalog.pg_class AS s ON s.relkind = 'S' AND s.oid = coalesce(
        (
            SELECT d.objid
            FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
                AND d.refobjid = k.indrelid AND d.refobjsubid = a.attnum AND d.deptype = 'i'
            LIMIT 1
        ),
        (
            SELECT d.refobjid
            FROM pg_catalog.pg_attrdef AS e
            JOIN pg_catalog.pg_depend AS d
                ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = e.oid
                AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> e.adrelid
            WHERE e.adrelid = k.indrelid AND e.adnum = a.attnum
            LIMIT 1
        )
    )
    JOIN pg_catalog.pg_namespace AS sn ON sn.oid = s.relnamespace
    WHERE cardinality(k.columns) = 1
        AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
)
SELECT
    t.oid,
    t.nspname,
    t.relname,
    t.relkind = 'p' AS partitioned,
    k.columns AS key_columns,
    t.relkind = 'r' AND NOT t.relhasrules
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS g
        WHERE g.tgrelid = t.oid
            AND (g.tgenabled <> 'O' OR NOT g.tgisinternal AND g.tgname !~ '^(0_)?ucrepl_')
    )
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS o
        LEFT JOIN pg_catalog.pg_class AS f ON f.oid = o.confrelid
        WHERE o.conrelid = t.oid
            AND (o.condeferrable OR o.contype = 'f' AND (o.confmatchtype <> 's' OR f.relkind <> 'r'))
    )
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS r
        WHERE r.confrelid = t.oid AND r.contype = 'f' AND NOT r.confkey <@ k.attnums
    ) AS plain,
    s.sequence,
    (
        SELECT ARRAY[min(n.nspname::text), min(p.relname::text)]
        FROM pg_catalog.pg_inherits AS h
        JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.relnamespace
        WHERE h.inhrelid = t.oid
        HAVING count(*) = 1
    ) AS parent,
    (
        SELECT coalesce(jsonb_agg(u.columns ORDER BY u.columns), '[]')
        FROM unique_index AS u
        WHERE u.indrelid = t.oid
    ) AS unique_keys
FROM user_table AS t
LEFT JOIN row_key AS k ON k.indrelid = t.oid
LEFT JOIN id_sequence AS s ON s.indrelid = t.oid
ORDER BY t.nspname, t.relname;
