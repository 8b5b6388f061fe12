-- ucrepl.fits_plainly(here, was, sent)
--
-- Purpose:    whether an update of a column that is merged key by key meets no other change, as far as that can be said
--             without a look at each key: then `here || sent` is what becomes of it. The planner makes it part of a statement.
-- Parameters: the value here; the source's old and new one, translated.
-- Returns:    true where the update adds and takes out no key, and all its old values are here; else false or null.
-- Reads, writes: nothing.
CREATE OR REPLACE FUNCTION ucrepl.fits_plainly(here jsonb, was jsonb, sent jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN jsonb_typeof(here) = 'object' AND jsonb_typeof(was) = 'object' AND jsonb_typeof(sent) = 'object'
            THEN here || was = here AND was || sent = sent AND sent || was = was
    END
$$;
