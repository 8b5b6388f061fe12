-- cutover_parked_conflicts: how many conflicts of the last hour are parked on the target of a link.
SELECT count(*) AS parked
FROM ucrepl.conflict AS c
JOIN ucrepl.link AS k USING (link_id)
WHERE k.name = %(link)s AND c.logged_at > now() - interval '1 hour' AND c.winner = 'parked';
