-- ucrepl.make_date_ranges(days)
--
-- Purpose:    makes the date range of the next year before Odoo begins it, of which each node then numbers in its slot from
--             the first number on.
-- Parameters: so many days before the last one ends.
-- Returns:    how many were made; none where the role may not write them.
-- Reads:      as date_ranges_due.
-- Writes:     ir_sequence_date_range; its trigger adopt_number_sequence makes the PostgreSQL sequences.
CREATE OR REPLACE FUNCTION ucrepl.make_date_ranges(days integer) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM ucrepl.date_ranges_due(days) AS d WHERE d.is_year) THEN
        LOCK TABLE public.ir_sequence_date_range IN SHARE ROW EXCLUSIVE MODE;
        INSERT INTO public.ir_sequence_date_range (sequence_id, date_from, date_to, number_next)
        SELECT d.sequence_id, d.ends + 1, d.ends + interval '1 year', 1
        FROM ucrepl.date_ranges_due(days) AS d
        WHERE d.is_year;
        GET DIAGNOSTICS made = ROW_COUNT;
    END IF;
    RETURN made;
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN 0;
END;
$$;
