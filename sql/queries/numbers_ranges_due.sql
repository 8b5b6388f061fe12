-- numbers_ranges_due: standard ir.sequence whose last date range ends within so many days, so that the next one will be
-- begun by whoever needs its first number.
SELECT s.name::text AS name
FROM public.ir_sequence AS s
CROSS JOIN LATERAL (
    SELECT max(r.date_to) AS ends FROM public.ir_sequence_date_range AS r WHERE r.sequence_id = s.id
) AS last
WHERE s.implementation = 'standard' AND s.use_date_range
    AND last.ends >= current_date AND last.ends < current_date + %(days)s::integer
ORDER BY s.id;
