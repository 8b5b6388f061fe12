-- held_count: what is held of each table, for one link or for all that end here, the most first.
--
-- rows: records, and one where all of a table was truncated. columns: those of which values are held, as far as they
-- are found in the first thousand records.
SELECT
    k.name AS link,
    h.link_id,
    h.table_id,
    n.schema_name,
    n.table_name,
    count(DISTINCT coalesce(h.key, '')) AS rows,
    bool_or(h.op <> 'C') AS whole,
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
    min(h.held_at) AS since
FROM ucrepl.held AS h
JOIN ucrepl.link AS k ON k.link_id = h.link_id
JOIN ucrepl.table_name AS n ON n.table_id = h.table_id
WHERE %(link)s::text IS NULL OR k.name = %(link)s::text
GROUP BY k.name, h.link_id, h.table_id, n.schema_name, n.table_name
ORDER BY k.name, rows DESC, n.schema_name, n.table_name;
