-- ucrepl.is_captured_by_root(relation, trigger_name)
--
-- Purpose:    says whether a change of a partition is captured twice, and this trigger is the one too many: a table that
--             has become a partition has its own triggers until ucrepl.track() takes them off, and copies of the root's.
-- Parameters: the partition, and the trigger that asks.
-- Returns:    true where another one has been made for a table that is further up.
-- Reads:      the catalog.
CREATE OR REPLACE FUNCTION ucrepl.is_captured_by_root(relation oid, trigger_name name) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind text := substring(trigger_name, '^.*capture_(?:delete_)?');
BEGIN
    IF trigger_name = kind || pg_partition_root(relation)::oid THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT
        FROM pg_partition_ancestors(relation) WITH ORDINALITY AS a (relid, height)
        JOIN pg_trigger AS t ON t.tgrelid = relation AND t.tgenabled = 'O' AND t.tgname = kind || a.relid::oid
        WHERE a.height > coalesce(
            (
                SELECT o.height
                FROM pg_partition_ancestors(relation) WITH ORDINALITY AS o (relid, height)
                WHERE trigger_name = kind || o.relid::oid
            ),
            0
        )
    );
END;
$$;
