-- settle_parked: forgets the parked changes of a table that were visible in the snapshot `seen` of the source.
DELETE FROM ucrepl.parked AS p
USING ucrepl.link AS k, ucrepl.table_name AS n
WHERE k.name = %(link)s AND p.link_id = k.link_id
    AND n.table_id = p.table_id
    AND CASE n.schema_name WHEN 'public' THEN '' ELSE n.schema_name::text || '.' END || n.table_name::text = %(table)s
    AND p.skipped_at IS NULL
    AND pg_catalog.pg_visible_in_snapshot(p.xid, %(seen)s::pg_snapshot);
