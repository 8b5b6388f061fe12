-- parked_list: parked changes in the order of writing, without their images.
--
-- Parameters: link, null for all; ids, null for all that have not been skipped; limit, null for none. `total` counts
-- them all.
SELECT
    p.parked_id AS id,
    k.name AS link,
    CASE n.schema_name WHEN 'public' THEN '' ELSE n.schema_name::text || '.' END || n.table_name::text AS table_name,
    p.op::text AS op,
    p.key,
    p.reason,
    p.sqlstate,
    p.message,
    p.attempts,
    p.at AS changed_at,
    p.parked_at,
    p.skipped_at,
    p.seq,
    count(*) OVER () AS total
FROM ucrepl.parked AS p
JOIN ucrepl.link AS k ON k.link_id = p.link_id
JOIN ucrepl.table_name AS n ON n.table_id = p.table_id
WHERE (%(link)s::text IS NULL OR k.name = %(link)s::text)
    AND CASE
        WHEN %(ids)s::bigint[] IS NULL THEN p.skipped_at IS NULL
        ELSE p.parked_id = ANY (%(ids)s::bigint[])
    END
ORDER BY k.name, p.seq
LIMIT %(limit)s::bigint;
