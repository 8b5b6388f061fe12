-- ucrepl.follow_key(number, old_key, new_key)
--
-- Purpose:    keeps the identity map right when the id of a local record is changed here, and what is remembered of the row.
-- Parameters: number of the table, the old and the new value of its only key column.
-- Returns:    nothing.
-- Reads:      ucrepl.peer.
-- Writes:     ucrepl.identity, ucrepl.stopgap. What still has the new id there is of a deleted record, and goes.
CREATE OR REPLACE FUNCTION ucrepl.follow_key(number integer, old_key text, new_key text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    peers smallint[];
BEGIN
    IF old_key !~ '^-?[0-9]{1,18}$' OR new_key !~ '^-?[0-9]{1,18}$' THEN
        RETURN;
    END IF;
    peers := ARRAY(SELECT p.peer_id FROM ucrepl.peer AS p);
    DELETE FROM ucrepl.identity AS i
    WHERE i.peer_id = ANY (peers) AND i.local_table = number AND i.local_id = new_key::bigint;
    UPDATE ucrepl.identity AS i
    SET local_id = new_key::bigint
    WHERE i.peer_id = ANY (peers) AND i.local_table = number AND i.local_id = old_key::bigint;
    DELETE FROM ucrepl.stopgap AS s WHERE s.table_id = number AND s.local_key = new_key;
    UPDATE ucrepl.stopgap AS s SET local_key = new_key WHERE s.table_id = number AND s.local_key = old_key;
END;
$$;
