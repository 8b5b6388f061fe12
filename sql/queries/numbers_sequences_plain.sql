-- numbers_sequences_plain: all ir.sequence of an Odoo that knows no date ranges (8).
SELECT s.id, s.name::text AS name, s.implementation, s.prefix, false AS use_date_range, 0 AS date_ranges
FROM public.ir_sequence AS s
ORDER BY s.id;
