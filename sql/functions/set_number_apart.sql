-- ucrepl.set_number_apart(sequence_id)
--
-- Purpose:    gives an ir.sequence the step, or the prefix, that keeps its numbers apart from those of other nodes.
-- Parameters: its id.
-- Returns:    whether it is a standard one, and numbers are kept apart here.
-- Reads:      ucrepl.numbering.
-- Writes:     ir_sequence; ucrepl.numbered_sequence. A sequence that has become one without gaps gets back what it had.
--
-- A row that comes from a peer has the peer's step and prefix. What was there before is taken for 1, and for the prefix
-- without that of the peer.
CREATE OR REPLACE FUNCTION ucrepl.set_number_apart(sequence_id bigint) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    apart ucrepl.numbering;
    sequence record;
    was_standard boolean;
    base text;
BEGIN
    SELECT n.* INTO apart FROM ucrepl.numbering AS n;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT s.implementation, s.number_increment, s.prefix INTO sequence
    FROM public.ir_sequence AS s
    WHERE s.id = sequence_id;
    IF sequence.implementation IS DISTINCT FROM 'standard' THEN
        WITH before AS (
            DELETE FROM ucrepl.numbered_sequence AS n
            WHERE n.sequence_id = set_number_apart.sequence_id
            RETURNING n.number_increment, n.prefix
        )
        UPDATE public.ir_sequence AS s
        SET
            number_increment = b.number_increment,
            prefix = CASE WHEN apart.way = 'prefix' AND s.prefix = concat(apart.prefix, b.prefix) THEN b.prefix ELSE s.prefix END
        FROM before AS b
        WHERE s.id = sequence_id;
        RETURN false;
    END IF;

    was_standard := EXISTS (
        SELECT FROM ucrepl.numbered_sequence AS n WHERE n.sequence_id = set_number_apart.sequence_id
    );
    IF apart.way = 'interleave' THEN
        IF NOT was_standard THEN
            INSERT INTO ucrepl.numbered_sequence
            VALUES (
                sequence_id,
                CASE sequence.number_increment WHEN apart.slots THEN 1 ELSE sequence.number_increment END,
                sequence.prefix
            );
        END IF;
        UPDATE public.ir_sequence AS s
        SET number_increment = apart.slots
        WHERE s.id = sequence_id AND s.number_increment <> apart.slots;
    ELSIF NOT was_standard THEN
        SELECT substr(sequence.prefix, length(p.prefix) + 1) INTO base
        FROM unnest(apart.prefixes) AS p (prefix)
        WHERE p.prefix <> '' AND starts_with(sequence.prefix, p.prefix)
        ORDER BY length(p.prefix) DESC
        LIMIT 1;
        base := coalesce(base, sequence.prefix);
        INSERT INTO ucrepl.numbered_sequence VALUES (sequence_id, sequence.number_increment, base);
        UPDATE public.ir_sequence AS s
        SET prefix = concat(apart.prefix, base)
        WHERE s.id = sequence_id AND coalesce(s.prefix, '') <> concat(apart.prefix, base);
    END IF;
    RETURN true;
END;
$$;
