-- cutover_end_gates: ends the sessions called `name`. Returns how many there were.
SELECT count(pg_catalog.pg_terminate_backend(a.pid)) AS ended
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database() AND a.application_name = %(name)s;
