-- summary: what the staged changes are, so that only the statements that they need are run.
SELECT
    table_id,
    op::text,
    count(*) AS changes,
    CASE WHEN op = 'U' THEN @hstore@.akeys(ucrepl.overlay(new)) END AS columns,
    op = 'U' AND min(@hstore@.akeys(new)) = max(@hstore@.akeys(new)) AS uniform
FROM pg_temp.change
GROUP BY table_id, op;
