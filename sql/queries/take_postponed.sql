-- take_postponed: stages postponed references of a table as updates, at the most `rows` records.
WITH taken AS (
    DELETE FROM ucrepl.postponed AS p
    WHERE p.link_id = %(link)s AND p.table_id = %(table)s
        AND p.key IN (
            SELECT DISTINCT o.key FROM ucrepl.postponed AS o
            WHERE o.link_id = %(link)s AND o.table_id = %(table)s
            LIMIT %(rows)s
        )
    RETURNING p.key, p.column_name::text AS column_name, p.value
)
INSERT INTO pg_temp.change (xid, table_id, op, key, old, new, at)
SELECT
    '3'::xid8,
    %(table)s,
    'U',
    t.key,
    @hstore@.hstore(array_agg(t.column_name), array_agg(NULL::text)),
    @hstore@.hstore(array_agg(t.column_name), array_agg(t.value)),
    to_timestamp(0)
FROM taken AS t
GROUP BY t.key;
