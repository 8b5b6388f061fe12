-- ucrepl.is_empty(member)
--
-- Purpose:    whether Odoo would call a value in jsonb empty.
-- Parameters: the value, null where there is none.
-- Returns:    true for none, null, false, 0, an empty text, list or object.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.is_empty(member jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(member IN ('null', 'false', '0', '""', '[]', '{}'), true)
$$;
