-- ucrepl.make_tick(change_seq)
--
-- Purpose:    stores a snapshot at which a batch may end.
-- Parameters: change_seq the number of the change at which the tick is made.
-- Returns:    nothing. On a node that is closed it raises 40UC1: there the numbers of changes are below zero, and all
--             of them multiples of 1000, so that this function is called for each, and capture needs no look at the fence.
-- Reads:      nothing.
-- Writes:     ucrepl.tick.
--
-- pg_current_snapshot() leaves the current transaction out of its list of running ones, so that this transaction
-- would count as visible as soon as a later one has ended. It is put back: the tick is seen by others.
CREATE OR REPLACE FUNCTION ucrepl.make_tick(change_seq bigint) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now_seen pg_snapshot := pg_current_snapshot();
    running text[] := ARRAY(SELECT x::text FROM pg_snapshot_xip(now_seen) AS x);
BEGIN
    IF change_seq < 0 THEN
        PERFORM ucrepl.refuse_write();
    END IF;
    IF pg_visible_in_snapshot(pg_current_xact_id(), now_seen) THEN
        running := ARRAY(
            SELECT x::text FROM unnest(running || pg_current_xact_id()::text) AS x ORDER BY x::xid8
        );
        now_seen := format(
            '%s:%s:%s',
            least(pg_snapshot_xmin(now_seen), pg_current_xact_id()), pg_snapshot_xmax(now_seen), array_to_string(running, ',')
        )::pg_snapshot;
    END IF;
    INSERT INTO ucrepl.tick (snapshot, running, seq) VALUES (now_seen, cardinality(running), change_seq);
END;
$$;
