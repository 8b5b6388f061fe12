-- uncaptured: of which tables the journal lacks changes that the link has not made up for since, and which.
SELECT
    n.schema_name::text,
    n.table_name::text,
    u.reason,
    count(*) AS changes,
    ARRAY(SELECT DISTINCT c FROM unnest(string_to_array(string_agg(array_to_string(u.columns, E'\n'), E'\n'), E'\n')) AS c ORDER BY c)
        AS columns,
    array_agg(DISTINCT u.key) FILTER (WHERE u.key IS NOT NULL) AS keys
FROM ucrepl.uncaptured AS u
JOIN ucrepl.table_name AS n ON n.table_id = u.table_id
WHERE NOT EXISTS (
    SELECT FROM ucrepl.resynced AS r
    WHERE r.link = %(link)s AND r.table_id = u.table_id AND pg_catalog.pg_visible_in_snapshot(u.xid, r.seen)
)
GROUP BY n.schema_name, n.table_name, u.reason
ORDER BY n.schema_name, n.table_name, u.reason;
