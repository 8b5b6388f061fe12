-- ucrepl.number_counters()
--
-- Purpose:    how the PostgreSQL sequences of standard ir.sequence and of their date ranges count.
-- Parameters: none.
-- Returns:    for each one the ids and dates, its name, its step, the greatest number that has been given, and the next one.
-- Reads:      ir_sequence, ir_sequence_date_range, the sequences.
CREATE OR REPLACE FUNCTION ucrepl.number_counters()
RETURNS TABLE (
    sequence_id bigint, range_id bigint, date_from date, date_to date, name text, increment bigint, given bigint, number_next bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    looked_at text := 'SELECT s.id::bigint, NULL::bigint, NULL::date, NULL::date FROM public.ir_sequence AS s WHERE s.implementation = ''standard''';
BEGIN
    IF to_regclass('public.ir_sequence') IS NULL THEN
        RETURN;
    END IF;
    IF to_regclass('public.ir_sequence_date_range') IS NOT NULL THEN
        looked_at := looked_at || ' UNION ALL SELECT s.id, r.id, r.date_from, r.date_to FROM public.ir_sequence AS s'
            ' JOIN public.ir_sequence_date_range AS r ON r.sequence_id = s.id WHERE s.implementation = ''standard''';
    END IF;
    FOR sequence_id, range_id, date_from, date_to IN EXECUTE looked_at || ' ORDER BY 1, 2 NULLS FIRST' LOOP
        name := ucrepl.number_sequence(sequence_id, range_id);
        CONTINUE WHEN to_regclass(format('public.%I', name)) IS NULL;
        EXECUTE format(
            'SELECT s.seqincrement, CASE WHEN q.is_called THEN q.last_value ELSE q.last_value - 1 END,'
            ' CASE WHEN q.is_called THEN q.last_value + s.seqincrement ELSE q.last_value END'
            ' FROM public.%1$I AS q JOIN pg_sequence AS s ON s.seqrelid = %2$L::regclass', name, format('public.%I', name)
        ) INTO increment, given, number_next;
        RETURN NEXT;
    END LOOP;
END;
$$;
