-- identity_of_database: which server and database this is, and whether it is the one that the node's row tells of.
--
-- stranger_to: who owns the schema, where the role that has begun the session is no member of it.
SELECT
    n.uuid,
    n.name,
    c.system_identifier,
    d.oid AS database_oid,
    n.system_identifier = c.system_identifier AND n.database_oid = d.oid AS genuine,
    (
        SELECT s.nspowner::regrole::text
        FROM pg_catalog.pg_namespace AS s
        WHERE s.nspname = 'ucrepl' AND NOT pg_catalog.pg_has_role(session_user, s.nspowner, 'MEMBER')
    ) AS stranger_to
FROM ucrepl.node AS n
CROSS JOIN pg_catalog.pg_control_system() AS c
JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database();
