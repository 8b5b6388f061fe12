-- summary: what the staged changes are, so that only the statements that they need are run.
SELECT
    table_id,
    op::text,
    count(*) AS changes,
    bool_or(key IS NULL) AS keyless,
    @hstore@.akeys(ucrepl.overlay(new) FILTER (WHERE op = 'U')) AS columns,
    min(@hstore@.akeys(new)) FILTER (WHERE op = 'U') = max(@hstore@.akeys(new)) FILTER (WHERE op = 'U') AS uniform
FROM pg_temp.change
GROUP BY table_id, op;
