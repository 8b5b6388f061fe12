-- ucrepl.can_be_passed(old_size, new_size)
--
-- Purpose:    says whether rows of these sizes can be handed to a function: PostgreSQL puts each together in one piece, of
--             1 GB at the most.
-- Parameters: pg_column_size of the old and of the new row, null where there is none; beyond 2 GB it is below zero.
-- Returns:    whether they can.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.can_be_passed(old_size integer, new_size integer) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(old_size, 0) BETWEEN 0 AND 1000000000 AND coalesce(new_size, 0) BETWEEN 0 AND 1000000000
$$;
