-- seeded_tables: the tables whose rows were copied, each with the snapshot of the source, unless the link is past it.
SELECT s.table_id, s.snapshot::text
FROM ucrepl.seeded_table AS s
JOIN ucrepl.link AS k ON k.link_id = s.link_id
WHERE s.link_id = %(link)s
    AND pg_catalog.pg_snapshot_xmax(s.snapshot) > pg_catalog.pg_snapshot_xmin(k.position);
