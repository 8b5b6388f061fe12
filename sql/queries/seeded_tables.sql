-- seeded_tables: the tables whose rows were copied, each with the snapshot of the source, unless the link is past it.
SELECT n.schema_name, n.table_name, s.snapshot::text
FROM ucrepl.seeded_table AS s
JOIN ucrepl.link AS k ON k.link_id = s.link_id
JOIN ucrepl.table_name AS n ON n.table_id = s.table_id
WHERE s.link_id = %(link)s
    AND pg_catalog.pg_snapshot_xmax(s.snapshot) > pg_catalog.pg_snapshot_xmin(k.position);
