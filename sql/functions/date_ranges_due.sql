-- ucrepl.date_ranges_due(days)
--
-- Purpose:    the standard ir.sequence whose last date range ends within so many days, so that the next one will be begun
--             by whoever needs its first number.
-- Parameters: the days.
-- Returns:    of each one the id, the name, the last day of its last range, and whether that is a calendar year, as Odoo
--             makes them by itself; none where numbers are not interleaved.
-- Reads:      ir_sequence, ir_sequence_date_range; ucrepl.numbering.
CREATE OR REPLACE FUNCTION ucrepl.date_ranges_due(days integer)
RETURNS TABLE (sequence_id bigint, name text, ends date, is_year boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('public.ir_sequence_date_range') IS NULL
        OR NOT EXISTS (SELECT FROM ucrepl.numbering AS n WHERE n.way = 'interleave')
    THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT s.id::bigint, s.name::text, last.date_to,
        last.date_to + 1 = last.date_from + interval '1 year' AND extract(doy FROM last.date_from) = 1
    FROM public.ir_sequence AS s
    CROSS JOIN LATERAL (
        SELECT r.date_from, r.date_to
        FROM public.ir_sequence_date_range AS r
        WHERE r.sequence_id = s.id
        ORDER BY r.date_to DESC
        LIMIT 1
    ) AS last
    WHERE s.implementation = 'standard' AND s.use_date_range
        AND last.date_to >= current_date AND last.date_to < current_date + days
    ORDER BY s.id;
END;
$$;
