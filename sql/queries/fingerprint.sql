-- fingerprint: one number for all of the catalog from which a plan is made; another one: it may have changed.
WITH user_table AS (
    SELECT c.oid, c.relname, n.nspname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
        AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ucrepl')
        AND n.nspname !~ '^pg_(toast|temp)'
)
SELECT
    (
        SELECT coalesce(sum(pg_catalog.hashtextextended(
            format('%s %s %s', t.oid, t.nspname, t.relname), 0
        )), 0)
        FROM user_table AS t
    ) + (
        SELECT coalesce(sum(pg_catalog.hashtextextended(
            format(
                '%s %s %s %s %s %s %s %s', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated,
                a.attidentity
            ),
            1
        )), 0)
        FROM user_table AS t
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid
        WHERE a.attnum > 0 AND NOT a.attisdropped
    ) + (
        SELECT coalesce(sum(pg_catalog.hashtextextended(
            format('%s %s %s %s %s', i.indexrelid, i.indrelid, i.indkey, i.indisprimary, i.indisvalid), 2
        )), 0)
        FROM user_table AS t
        JOIN pg_catalog.pg_index AS i ON i.indrelid = t.oid
        WHERE i.indisunique
    ) + (
        SELECT coalesce(sum(pg_catalog.hashtextextended(
            format('%s %s %s %s', k.conrelid, k.conkey, k.confrelid, k.confkey), 3
        )), 0)
        FROM user_table AS t
        JOIN pg_catalog.pg_constraint AS k ON k.conrelid = t.oid
        WHERE k.contype = 'f'
    ) AS fingerprint;
