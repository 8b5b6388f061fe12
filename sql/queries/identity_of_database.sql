-- identity_of_database: which server and database this is, and whether it is the one that the node's row tells of.
SELECT
    n.uuid,
    n.name,
    c.system_identifier,
    d.oid AS database_oid,
    n.system_identifier = c.system_identifier AND n.database_oid = d.oid AS genuine
FROM ucrepl.node AS n
CROSS JOIN pg_catalog.pg_control_system() AS c
JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database();
