-- ucrepl.follow_number_sequence(sequence_id)
--
-- Purpose:    does for an ir.sequence that replay has written what Odoo does for one that it writes: a standard one gets
--             its PostgreSQL sequences, one without gaps has none.
-- Parameters: its id on this node.
-- Returns:    nothing.
-- Reads:      ir_sequence, ir_sequence_date_range; ucrepl.numbering.
-- Writes:     the sequences; ir_sequence, where numbers are kept apart.
CREATE OR REPLACE FUNCTION ucrepl.follow_number_sequence(sequence_id bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written record;
BEGIN
    PERFORM ucrepl.set_number_apart(sequence_id);
    SELECT s.implementation, s.number_increment, s.number_next INTO written
    FROM public.ir_sequence AS s
    WHERE s.id = sequence_id;
    IF written.implementation = 'standard' THEN
        PERFORM ucrepl.make_number_sequence(
            ucrepl.number_sequence(sequence_id, NULL), written.number_increment, written.number_next
        );
        IF to_regclass('public.ir_sequence_date_range') IS NOT NULL THEN
            PERFORM ucrepl.make_number_sequence(
                ucrepl.number_sequence(r.sequence_id, r.id), written.number_increment, r.number_next
            )
            FROM public.ir_sequence_date_range AS r
            WHERE r.sequence_id = follow_number_sequence.sequence_id;
        END IF;
    ELSIF written.implementation IS NOT NULL THEN
        PERFORM ucrepl.drop_number_sequences(sequence_id, NULL);
    END IF;
END;
$$;
