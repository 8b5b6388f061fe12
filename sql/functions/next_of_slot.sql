-- ucrepl.next_of_slot(given)
--
-- Purpose:    the number with which a sequence of this node goes on.
-- Parameters: the greatest number that has been given.
-- Returns:    the first one above it; where numbers are interleaved, of this node's slot.
-- Reads:      ucrepl.numbering.
CREATE OR REPLACE FUNCTION ucrepl.next_of_slot(given bigint) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    apart record;
BEGIN
    SELECT n.slot, n.slots INTO apart FROM ucrepl.numbering AS n WHERE n.way = 'interleave';
    IF NOT FOUND THEN
        RETURN given + 1;
    END IF;
    RETURN given + 1 + mod(mod(apart.slot - given - 1, apart.slots) + apart.slots, apart.slots);
END;
$$;
