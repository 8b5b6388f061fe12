-- ucrepl.refused_changes(statement, number, ops)
--
-- Purpose:    finds out which staged changes of a table a statement fails on, in one call: it tries them in their order,
--             after a failure half as many at once, after a success twice as many.
-- Parameters: statement  writes what is staged in pg_temp.change of the table with this number, with one of these ops
-- Returns:    their seq, with the error of each.
-- Raises:     what is no fault of a change: a lost lock, a deadlock, a lack of resources, a cancelled statement.
-- Writes:     the table. The caller has a savepoint to roll back to.
CREATE OR REPLACE FUNCTION ucrepl.refused_changes(statement text, number integer, ops "char"[])
RETURNS TABLE (seq bigint, sqlstate text, message text)
LANGUAGE plpgsql
AS $$
DECLARE
    total integer;
    first integer := 1;
    last integer;
    size integer;
BEGIN
    WITH taken AS (
        DELETE FROM pg_temp.change AS c
        WHERE c.table_id = refused_changes.number AND c.op = ANY (refused_changes.ops)
        RETURNING c.*
    )
    INSERT INTO pg_temp.aside
    SELECT t.*, row_number() OVER (ORDER BY t.seq) FROM taken AS t;
    GET DIAGNOSTICS total = ROW_COUNT;
    IF EXISTS (SELECT FROM pg_catalog.pg_prepared_statements AS p WHERE p.name = 'ucrepl_refused') THEN
        DEALLOCATE ucrepl_refused;
    END IF;
    EXECUTE 'PREPARE ucrepl_refused AS ' || refused_changes.statement;
    size := greatest(total / 2, 1);
    WHILE first <= total LOOP
        last := least(first + size - 1, total);
        BEGIN
            INSERT INTO pg_temp.change (
                seq, xid, table_id, op, key, old, new, at, times, attempts, parked_id, parked_at
            )
            SELECT
                a.seq, a.xid, a.table_id, a.op, a.key, a.old, a.new, a.at, a.times, a.attempts, a.parked_id, a.parked_at
            FROM pg_temp.aside AS a
            WHERE a.place BETWEEN first AND last;
            EXECUTE 'EXECUTE ucrepl_refused';
            DELETE FROM pg_temp.change AS c
            WHERE c.table_id = refused_changes.number AND c.op = ANY (refused_changes.ops);
            first := last + 1;
            size := size * 2;
        EXCEPTION WHEN OTHERS THEN
            IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58', 'XX') THEN
                RAISE;
            END IF;
            IF first = last THEN
                refused_changes.seq := (SELECT a.seq FROM pg_temp.aside AS a WHERE a.place = first);
                refused_changes.sqlstate := SQLSTATE;
                refused_changes.message := SQLERRM;
                RETURN NEXT;
                first := first + 1;
            ELSE
                size := greatest((last - first + 1) / 2, 1);
            END IF;
        END;
    END LOOP;
    DEALLOCATE ucrepl_refused;
END;
$$;
