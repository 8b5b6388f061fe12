-- ucrepl.number_owner_of(guarded, record)
--
-- Purpose:    who owns the numbers of a journal, or of a sequence without gaps, as its row is now.
-- Parameters: the table; the id in it.
-- Returns:    the row of ucrepl.number_owner, null where nobody owns them. A condition that fails (a column is gone) does
--             not hold.
-- Reads:      ucrepl.number_owner, and the row.
CREATE OR REPLACE FUNCTION ucrepl.number_owner_of(guarded text, record bigint) RETURNS ucrepl.number_owner
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ruled ucrepl.number_owner;
    holds boolean;
BEGIN
    FOR ruled IN SELECT o.* FROM ucrepl.number_owner AS o WHERE o.table_name = guarded ORDER BY o.place LOOP
        IF ruled.condition IS NULL THEN
            RETURN ruled;
        END IF;
        BEGIN
            EXECUTE format('SELECT %s FROM public.%I AS r WHERE r.id = $1', ruled.condition, guarded)
            INTO holds USING record;
        EXCEPTION WHEN others THEN
            holds := false;
        END;
        IF holds THEN
            RETURN ruled;
        END IF;
    END LOOP;
    RETURN NULL;
END;
$$;
