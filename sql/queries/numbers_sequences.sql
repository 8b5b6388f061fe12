-- numbers_sequences: all ir.sequence, with how many date ranges they have.
SELECT
    s.id,
    s.name::text AS name,
    s.implementation,
    s.prefix,
    s.use_date_range,
    (SELECT count(*)::integer FROM public.ir_sequence_date_range AS r WHERE r.sequence_id = s.id) AS date_ranges
FROM public.ir_sequence AS s
ORDER BY s.id;
