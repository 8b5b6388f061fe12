-- check_signals: what the role lacks on these tables and sequences, and on the sequences of the tables, to write to them.
WITH given AS (
    SELECT c.oid, c.relkind
    FROM unnest(%(relations)s::text[]) AS g (relation)
    JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(g.relation)
),
written AS (
    SELECT g.oid, g.relkind
    FROM given AS g
    UNION
    SELECT s.oid, s.relkind
    FROM given AS g
    JOIN pg_catalog.pg_depend AS d ON d.refobjid = g.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
)
SELECT
    CASE w.relkind WHEN 'S' THEN 'USAGE ON SEQUENCE ' ELSE 'INSERT ON ' END || w.oid::regclass::text AS lacking
FROM written AS w
WHERE NOT CASE w.relkind
    WHEN 'S' THEN pg_catalog.has_sequence_privilege(w.oid, 'USAGE')
    ELSE pg_catalog.has_table_privilege(w.oid, 'INSERT')
END
ORDER BY lacking;
