-- ucrepl.pinned_image(row_of_a_table)
--
-- Purpose:    makes the image of a row with the settings that the journal is written with, whatever the session has set.
-- Parameters: the row.
-- Returns:    hstore, column -> text of its value.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.pinned_image(row_of_a_table anyelement) RETURNS @hstore@.hstore
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
AS $$
BEGIN
    RETURN @hstore@.hstore(row_of_a_table);
END;
$$;
