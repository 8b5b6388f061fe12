-- parked_again: the ids of the changes that are parked now, of those with the numbers given.
SELECT p.parked_id
FROM ucrepl.parked AS p
JOIN ucrepl.link AS k ON k.link_id = p.link_id AND k.name = %(link)s
WHERE p.seq = ANY (%(seqs)s::bigint[]) AND p.skipped_at IS NULL;
