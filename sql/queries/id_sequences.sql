-- id_sequences: how sequences, given as quoted names, count: their step, the last number, null before the first one.
SELECT
    w.sequence,
    s.seqincrement AS increment,
    pg_catalog.pg_sequence_last_value(s.seqrelid) AS last_value
FROM unnest(%(sequences)s::text[]) AS w (sequence)
JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = to_regclass(w.sequence)
ORDER BY w.sequence;
