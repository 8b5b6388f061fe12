-- held_drop: gives up what is held for a link, of all tables or of those given, and counts it as left out.
--
-- The caller has locked the link before, as a batch does. Returns how many changes.
WITH gone AS (
    DELETE FROM ucrepl.held AS h
    USING ucrepl.link AS k, ucrepl.table_name AS n
    WHERE k.name = %(link)s AND h.link_id = k.link_id AND n.table_id = h.table_id
        AND (
            %(tables)s::text[] IS NULL
            OR CASE n.schema_name WHEN 'public' THEN '' ELSE n.schema_name::text || '.' END || n.table_name::text
                = ANY (%(tables)s::text[])
        )
    RETURNING h.link_id
),
counted AS (
    SELECT g.link_id, count(*) AS rows
    FROM gone AS g
    GROUP BY g.link_id
),
noted AS (
    INSERT INTO ucrepl.skipped AS s (link_id, rule, rows)
    SELECT c.link_id, 'held drop', c.rows
    FROM counted AS c
    ON CONFLICT (link_id, rule) DO UPDATE SET rows = s.rows + excluded.rows
),
added AS (
    UPDATE ucrepl.link AS k
    SET skipped = k.skipped + c.rows
    FROM counted AS c
    WHERE c.link_id = k.link_id
)
SELECT count(*) FROM gone;
