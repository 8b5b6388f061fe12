-- check_sequence_rights: the sequences, of those given as quoted names, from which the role may take no number.
SELECT s.sequence
FROM unnest(%(sequences)s::text[]) AS s (sequence)
WHERE NOT pg_catalog.has_sequence_privilege(to_regclass(s.sequence), 'USAGE')
ORDER BY s.sequence;
