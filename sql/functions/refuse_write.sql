-- ucrepl.refuse_write()
--
-- Purpose:    stops a write to a node that is closed, and says which node has its work.
-- Parameters: none.
-- Returns:    never; raises 40UC1. Its class is that of transactions that may be tried again: elsewhere it works.
-- Reads:      the setting ucrepl.moved_to, which closing the node puts on this function: a transaction that has begun
--             before sees it as well. ucrepl.fence where it is not there.
-- Writes:     nothing.
CREATE OR REPLACE FUNCTION ucrepl.refuse_write() RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text := coalesce(
        nullif(current_setting('ucrepl.moved_to', true), ''), (SELECT f.moved_to FROM ucrepl.fence AS f), 'another node'
    );
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = '40UC1',
        MESSAGE = format('this database is closed for writing: its work has moved to %s', place),
        HINT = 'connect there and try again; to see the state: ucrepl cutover status';
END;
$$;
