-- check_server: what kind of server, database and role a node's connection has come to.
SELECT
    pg_catalog.pg_is_in_recovery() AS standby,
    current_setting('default_transaction_read_only') = 'on' AS read_only,
    current_setting('session_replication_role') AS replication_role,
    getdatabaseencoding()::text AS encoding,
    current_user::text AS role,
    current_database()::text AS database,
    d.oid AS database_oid,
    pg_catalog.pg_postmaster_start_time() AS started_at,
    pg_catalog.has_database_privilege(d.oid, 'CREATE') AS may_create,
    pg_catalog.has_database_privilege(d.oid, 'TEMP') AS may_temp,
    pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may_identify,
    (
        SELECT n.nspowner::regrole::text FROM pg_catalog.pg_namespace AS n
        WHERE n.nspname = 'ucrepl' AND NOT (
            pg_catalog.pg_has_role(n.nspowner, 'USAGE') AND pg_catalog.pg_has_role(session_user, n.nspowner, 'MEMBER')
        )
    ) AS foreign_owner,
    EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = 'hstore') AS has_hstore,
    EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS e WHERE e.name = 'hstore') AS hstore_available,
    (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
    OR EXISTS (
        SELECT FROM pg_catalog.pg_available_extension_versions AS v WHERE v.name = 'hstore' AND v.trusted
    ) AS may_add_hstore
FROM pg_catalog.pg_database AS d
WHERE d.datname = current_database();
