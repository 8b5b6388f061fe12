-- cutover_touched: the tables changed by transactions from `since` on, with the least and the greatest id.
--
-- The ids are null where a change has none, or another kind of key: then any row may have been changed.
SELECT
    n.schema_name,
    n.table_name,
    CASE WHEN bool_and(k.id IS NOT NULL) THEN min(k.id) END AS low,
    CASE WHEN bool_and(k.id IS NOT NULL) THEN max(k.id) END AS high
FROM ucrepl.journal AS j
JOIN ucrepl.table_name AS n ON n.table_id = j.table_id
CROSS JOIN LATERAL (SELECT CASE WHEN j.key ~ '^[0-9]{1,18}$' THEN j.key::bigint END) AS k (id)
WHERE j.xid >= %(since)s::text::xid8
GROUP BY n.schema_name, n.table_name;
