-- ucrepl.drop_number_sequences(sequence_id, range_id)
--
-- Purpose:    drops the PostgreSQL sequence of a date range; without one, that of an ir.sequence and of all its ranges.
-- Parameters: their ids.
-- Returns:    nothing.
-- Reads:      the catalog.
-- Writes:     the sequences; ucrepl.numbered_sequence.
CREATE OR REPLACE FUNCTION ucrepl.drop_number_sequences(sequence_id bigint, range_id bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := ucrepl.number_sequence(sequence_id, range_id);
    ours regclass;
BEGIN
    FOR ours IN
        SELECT c.oid
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
            AND (c.relname = name OR range_id IS NULL AND c.relname ~ ('^' || name || '_[0-9]+$'))
    LOOP
        EXECUTE format('DROP SEQUENCE %s', ours);
    END LOOP;
    IF range_id IS NULL THEN
        DELETE FROM ucrepl.numbered_sequence AS n WHERE n.sequence_id = drop_number_sequences.sequence_id;
    END IF;
END;
$$;
