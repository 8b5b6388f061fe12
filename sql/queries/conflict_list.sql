-- conflict_list: logged conflicts, the latest first.
--
-- Parameters: link, null for all; ids, null for all; limit, null for none. `total` counts them all.
SELECT
    c.conflict_id AS id,
    k.name AS link,
    c.kind,
    CASE n.schema_name WHEN 'public' THEN '' ELSE n.schema_name::text || '.' END || n.table_name::text AS table_name,
    c.remote_key,
    c.local_key,
    c.column_name,
    c.old_value,
    c.source_value,
    c.target_value,
    c.policy,
    c.winner,
    c.source_at,
    c.target_at,
    c.logged_at,
    count(*) OVER () AS total
FROM ucrepl.conflict AS c
JOIN ucrepl.link AS k ON k.link_id = c.link_id
JOIN ucrepl.table_name AS n ON n.table_id = c.table_id
WHERE (%(link)s::text IS NULL OR k.name = %(link)s::text)
    AND (%(ids)s::bigint[] IS NULL OR c.conflict_id = ANY (%(ids)s::bigint[]))
ORDER BY c.conflict_id DESC
LIMIT %(limit)s::bigint;
