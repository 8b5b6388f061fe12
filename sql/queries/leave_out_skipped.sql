-- leave_out_skipped: counts and drops the changes of tables that rules leave out.
WITH gone AS (
    DELETE FROM pg_temp.change AS c
    WHERE c.table_id < 0
    RETURNING c.table_id
)
INSERT INTO pg_temp.left_out (rule, rows)
SELECT r.rule, count(*)
FROM gone AS g
JOIN unnest(%(numbers)s::integer[], %(rules)s::text[]) AS r (number, rule) ON r.number = -g.table_id
GROUP BY r.rule;
