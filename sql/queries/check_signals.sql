-- check_signals: what the role lacks on these tables and sequences, and on the sequences of the tables, to write to them.
WITH given AS (
    SELECT c.oid, c.relkind
    FROM unnest(%(relations)s::text[]) AS g (relation)
    JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(g.relation)
),
owned AS (
    SELECT s.oid
    FROM given AS g
    JOIN pg_catalog.pg_depend AS d ON d.refobjid = g.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE g.relkind = 'r'
)
SELECT 'INSERT ON ' || g.oid::regclass::text AS lacking
FROM given AS g
WHERE g.relkind = 'r' AND NOT pg_catalog.has_table_privilege(g.oid, 'INSERT')
UNION ALL
SELECT 'USAGE ON SEQUENCE ' || s.oid::regclass::text
FROM (SELECT g.oid FROM given AS g WHERE g.relkind = 'S' UNION ALL SELECT o.oid FROM owned AS o) AS s
WHERE NOT pg_catalog.has_sequence_privilege(s.oid, 'USAGE')
ORDER BY lacking;
