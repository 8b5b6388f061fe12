-- ucrepl.capture_triggers(tracked, key_columns)
--
-- Purpose:    the triggers by which the changes of a table are captured, and others of ours that are in their place.
-- Parameters: the table, which may be partitioned, and the columns that identify a row.
-- Returns:    for each trigger its relation and name; the statement that makes it, null for one that must not be there or
--             that PostgreSQL has copied from the table; and its state: right, missing, disabled, or other.
-- Reads:      ucrepl.table_name, the catalog.
--
-- A name ends with the oid of its table, so that nothing clashes when a table becomes a partition of another one.
-- The first name sorts before those of PostgreSQL's own triggers: an update of a key is written before what follows from
-- it by ON UPDATE CASCADE. What follows from a delete is written before that.
-- PostgreSQL copies the triggers for rows to all partitions, also to those that come. Those for TRUNCATE it does not.
CREATE OR REPLACE FUNCTION ucrepl.capture_triggers(tracked regclass, key_columns text[])
RETURNS TABLE (relation regclass, trigger_name name, statement text, state text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH part AS (
        SELECT p.relid::oid AS oid, c.relkind
        FROM pg_partition_tree(tracked) AS p
        JOIN pg_class AS c ON c.oid = p.relid
        WHERE p.level > 0
    ),
    ours AS (
        SELECT g.*
        FROM (SELECT tracked::oid AS oid UNION ALL SELECT p.oid FROM part AS p) AS r
        CROSS JOIN LATERAL (
            SELECT t.*
            FROM pg_trigger AS t
            WHERE t.tgrelid = r.oid
            OFFSET 0  -- looked up for each of the few: an Odoo has ten thousand triggers
        ) AS g
        WHERE g.tgname ~ '^(0_)?ucrepl_capture'
    ),
    wanted AS (
        SELECT w.oid, w.name::name, w.event, w.type, format('ucrepl.%I()', w.function)::regprocedure AS function, w.arguments
        FROM (
            SELECT
                c.oid,
                ucrepl.table_number(tracked)::text AS number,
                c.relkind = 'p' AS partitioned,
                n.totals IS TRUE AS totals,
                CASE
                    WHEN n.totals THEN 'capture_totals'
                    WHEN ucrepl.has_plain_types(tracked) THEN 'capture'
                    ELSE 'capture_pinned'
                END AS function
            FROM pg_class AS c
            LEFT JOIN ucrepl.table_name AS n ON n.table_id = ucrepl.table_number(tracked)
            WHERE c.oid = tracked
        ) AS t
        CROSS JOIN LATERAL (
            VALUES
            (t.oid, '0_ucrepl_capture_' || t.oid, 'AFTER INSERT OR UPDATE', 21, t.function, t.number || key_columns),
            (t.oid, 'ucrepl_capture_delete_' || t.oid, 'AFTER DELETE', 9, t.function, t.number || key_columns),
            (
                t.oid,
                'ucrepl_capture_truncate_' || t.oid,
                CASE WHEN t.partitioned OR t.totals THEN 'BEFORE TRUNCATE' ELSE 'AFTER TRUNCATE' END,
                CASE WHEN t.partitioned OR t.totals THEN 34 ELSE 32 END,
                CASE WHEN t.totals THEN 'capture_totals_truncate' ELSE 'capture_truncate' END,
                ARRAY[t.number]
            )
        ) AS w (oid, name, event, type, function, arguments)
        UNION ALL
        SELECT
            p.oid,
            ('ucrepl_capture_truncate_' || p.oid)::name,
            'BEFORE TRUNCATE',
            34,
            'ucrepl.capture_truncate_part()'::regprocedure,
            '{}'
        FROM part AS p
        WHERE p.relkind = 'r'
    )
    SELECT
        coalesce(w.oid, t.tgrelid)::regclass,
        coalesce(w.name, t.tgname),
        CASE WHEN w.name IS NOT NULL THEN format(
            'CREATE TRIGGER %I %s ON %s FOR EACH %s EXECUTE FUNCTION %s(%s)',
            w.name,
            w.event,
            w.oid::regclass,
            CASE WHEN w.type & 1 = 1 THEN 'ROW' ELSE 'STATEMENT' END,
            split_part(w.function::text, '(', 1),
            (SELECT string_agg(quote_literal(a), ', ') FROM unnest(w.arguments) AS a)
        ) END,
        CASE
            WHEN t.tgname IS NULL THEN 'missing'
            WHEN w.name IS NULL THEN 'other'
            WHEN t.tgtype <> w.type OR t.tgfoid <> w.function OR t.tgqual IS NOT NULL OR t.tgargs <> (
                SELECT coalesce(string_agg(convert_to(a, getdatabaseencoding()) || '\x00', ''), '')
                FROM unnest(w.arguments) AS a
            ) THEN 'other'
            WHEN t.tgenabled <> 'O' THEN 'disabled'
            ELSE 'right'
        END
    FROM wanted AS w
    FULL JOIN (
        SELECT g.*
        FROM ours AS g
        WHERE g.tgparentid = 0
    ) AS t ON t.tgrelid = w.oid AND t.tgname = w.name
    UNION ALL
    SELECT g.tgrelid::regclass, g.tgname, NULL, 'disabled'
    FROM ours AS g
    WHERE g.tgrelid <> tracked AND g.tgparentid <> 0 AND g.tgenabled <> 'O';
END;
$$;
