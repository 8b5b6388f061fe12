-- verify_failed: takes the changes of a repair that could not be applied out of the parked ones: nothing shall wait for them.
WITH taken AS (
    DELETE FROM ucrepl.parked AS p
    WHERE p.link_id = %(link)s AND p.seq >= %(floor)s AND p.seq < %(floor)s / 2
    RETURNING p.seq - %(floor)s AS finding_id, p.message
),
failed AS (
    UPDATE pg_temp.verify_finding AS f
    SET outcome = t.message
    FROM taken AS t
    WHERE f.finding_id = t.finding_id
)
SELECT finding_id
FROM taken;
