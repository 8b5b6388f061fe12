-- held_count: what is held of each table, for one link or for all that end here, the most first.
--
-- rows: records, and one where all of a table was truncated. whole: rows are held as a whole; is_there: though the table
-- is here. columns: those of which values are held; models: what looks like the name of a model that has no table here;
-- both as far as they are found in the first thousand records. remote_number: that
-- of the table on the source.
SELECT
    k.name AS link,
    h.link_id,
    h.table_id,
    n.schema_name,
    n.table_name,
    count(DISTINCT coalesce(h.key, '')) AS rows,
    bool_or(h.op <> 'C') AS whole,
    pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', n.schema_name, n.table_name)) IS NOT NULL AS is_there,
    ARRAY(
        SELECT DISTINCT c.name
        FROM (
            SELECT o.new FROM ucrepl.held AS o
            WHERE o.link_id = h.link_id AND o.table_id = h.table_id AND o.op = 'C'
            LIMIT 1000
        ) AS sample
        CROSS JOIN LATERAL unnest(@hstore@.akeys(sample.new)) AS c (name)
        ORDER BY c.name
    ) AS columns,
    ARRAY(
        SELECT DISTINCT m.name
        FROM (
            SELECT o.new FROM ucrepl.held AS o
            WHERE o.link_id = h.link_id AND o.table_id = h.table_id AND o.op <> 'C'
            LIMIT 1000
        ) AS sample
        CROSS JOIN LATERAL unnest(@hstore@.avals(sample.new)) AS v (value)
        CROSS JOIN LATERAL (SELECT split_part(v.value, ',', 1) AS name) AS m
        WHERE v.value ~ '^[a-z][a-z0-9_]*([.][a-z0-9_]+)+(,[0-9]+)?$'
            AND pg_catalog.to_regclass(pg_catalog.format('public.%%I', replace(m.name, '.', '_'))) IS NULL
        ORDER BY m.name
    ) AS models,
    min(h.held_at) AS since,
    (
        SELECT p.remote_number FROM ucrepl.peer_table AS p WHERE p.peer_id = k.peer_id AND p.table_id = h.table_id
    ) AS remote_number
FROM ucrepl.held AS h
JOIN ucrepl.link AS k ON k.link_id = h.link_id
JOIN ucrepl.table_name AS n ON n.table_id = h.table_id
WHERE %(link)s::text IS NULL OR k.name = %(link)s::text
GROUP BY k.name, k.peer_id, h.link_id, h.table_id, n.schema_name, n.table_name
ORDER BY k.name, rows DESC, n.schema_name, n.table_name;
