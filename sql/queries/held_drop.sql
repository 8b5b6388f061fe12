-- held_drop: drops what is held of tables, and counts it as left out, under the names of rules. Returns how many changes.
--
-- numbers and rules go together.
WITH gone AS (
    DELETE FROM ucrepl.held AS h
    WHERE h.link_id = %(link)s AND h.table_id = ANY (%(numbers)s::integer[])
    RETURNING h.table_id
),
counted AS (
    INSERT INTO ucrepl.skipped AS s (link_id, rule, rows)
    SELECT %(link)s, r.rule, count(*)
    FROM gone AS g
    JOIN unnest(%(numbers)s::integer[], %(rules)s::text[]) AS r (number, rule) ON r.number = g.table_id
    GROUP BY r.rule
    ON CONFLICT (link_id, rule) DO UPDATE SET rows = s.rows + excluded.rows
),
added AS (
    UPDATE ucrepl.link AS k
    SET skipped = k.skipped + (SELECT count(*) FROM gone)
    WHERE k.link_id = %(link)s AND EXISTS (SELECT FROM gone)
)
SELECT count(*) FROM gone;
