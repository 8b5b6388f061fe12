-- check_rights: what the role lacks on the given tables, a row for each right and table.
--
-- OWNER stands for being the owner or a member of it, RLS for a row level security that holds for the role.
WITH given AS (
    SELECT g.schema_name, g.table_name, c.oid, c.relowner, n.oid AS namespace
    FROM unnest(%(schemas)s::name[], %(tables)s::name[]) AS g (schema_name, table_name)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = g.schema_name
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = g.table_name
)
SELECT r.wanted, g.schema_name, g.table_name
FROM given AS g
CROSS JOIN unnest(%(rights)s::text[]) WITH ORDINALITY AS r (wanted, position)
WHERE NOT CASE r.wanted
    WHEN 'USAGE' THEN pg_catalog.has_schema_privilege(g.namespace, 'USAGE')
    WHEN 'OWNER' THEN pg_catalog.pg_has_role(g.relowner, 'USAGE')
    WHEN 'RLS' THEN NOT pg_catalog.row_security_active(g.oid)
    ELSE pg_catalog.has_table_privilege(g.oid, r.wanted)
END
ORDER BY r.position, g.schema_name, g.table_name;
