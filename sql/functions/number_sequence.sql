-- ucrepl.number_sequence(sequence_id, range_id)
--
-- Purpose:    the name that Odoo gives to the PostgreSQL sequence of an ir.sequence, or of one of its date ranges.
-- Parameters: their ids; range_id null for the sequence itself.
-- Returns:    the name, without a schema: it is in public.
CREATE OR REPLACE FUNCTION ucrepl.number_sequence(sequence_id bigint, range_id bigint) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT concat_ws(
    '_',
    'ir_sequence',
    lpad(sequence_id::text, greatest(3, length(sequence_id::text)), '0'),
    lpad(range_id::text, greatest(3, length(range_id::text)), '0')
)
$$;
