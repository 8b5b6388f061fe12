-- verify_position: how far a link has come, in this snapshot of its target; before everything where it never ran.
SELECT
    coalesce((SELECT k.position FROM ucrepl.link AS k WHERE k.name = %(link)s), '3:3:'::pg_snapshot)::text AS position,
    pg_catalog.pg_current_snapshot()::text AS seen;
