-- leave_seed: lets a link replay from where it was, after some of its tables were copied.
--
-- Parked changes that are in the rows go. A link of which other tables are not done yet stays as it is.
WITH unfinished AS (
    SELECT EXISTS (SELECT FROM ucrepl.seeded_table AS s WHERE s.link_id = %(link)s AND NOT s.done) AS any
),
superseded AS (
    DELETE FROM ucrepl.parked AS p
    USING ucrepl.seeded_table AS s
    WHERE p.link_id = %(link)s AND s.link_id = p.link_id AND s.table_id = p.table_id AND s.done
        AND p.seq > 0 AND p.skipped_at IS NULL
        AND pg_catalog.pg_visible_in_snapshot(p.xid, s.snapshot)
),
settled AS (
    DELETE FROM ucrepl.doubt AS d
    USING unfinished AS u
    WHERE d.link_id = %(link)s AND NOT u.any
)
UPDATE ucrepl.link AS k
SET seeding = u.any
FROM unfinished AS u
WHERE k.link_id = %(link)s;
