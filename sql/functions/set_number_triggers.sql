-- ucrepl.set_number_triggers()
--
-- Purpose:    makes the triggers for document numbers that are missing or disabled, and drops those that nobody needs.
-- Parameters: none.
-- Returns:    how many were made or dropped. CREATE TRIGGER waits for the writers of the table: set lock_timeout.
-- Reads:      ucrepl.number_triggers().
-- Writes:     the triggers.
CREATE OR REPLACE FUNCTION ucrepl.set_number_triggers() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
    done integer := 0;
BEGIN
    FOR wrong IN
        SELECT c.oid::regclass AS tracked, t.tgname
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE t.tgname IN ('ucrepl_number', 'ucrepl_owner') AND NOT EXISTS (
            SELECT FROM ucrepl.number_triggers() AS n
            WHERE n.is_there AND to_regclass(format('public.%I', n.table_name)) = c.oid AND n.trigger_name = t.tgname
        )
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', wrong.tgname, wrong.tracked);
        done := done + 1;
    END LOOP;
    FOR wrong IN SELECT n.statement FROM ucrepl.number_triggers() AS n WHERE NOT n.is_there LOOP
        EXECUTE wrong.statement;
        done := done + 1;
    END LOOP;
    RETURN done;
END;
$$;
