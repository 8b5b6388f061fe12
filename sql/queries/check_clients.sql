-- check_clients: the other clients of the database, by what they call themselves and whose role they have.
SELECT
    coalesce(nullif(a.application_name, ''), a.usename::text, 'unknown') AS client,
    count(*) AS sessions
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database()
    AND a.backend_type = 'client backend'
    AND a.pid <> pg_catalog.pg_backend_pid()
    AND a.application_name NOT LIKE 'ucrepl %%'
GROUP BY 1
ORDER BY 1;
