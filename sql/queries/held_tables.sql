-- held_tables: of which tables changes of a link are held, whether as a whole, and values of which columns.
SELECT
    h.table_id,
    n.schema_name,
    n.table_name,
    bool_or(h.op <> 'C') AS whole,
    @hstore@.akeys(ucrepl.overlay(h.new) FILTER (WHERE h.op = 'C')) AS columns
FROM ucrepl.held AS h
JOIN ucrepl.table_name AS n ON n.table_id = h.table_id
WHERE h.link_id = %(link)s
GROUP BY h.table_id, n.schema_name, n.table_name;
