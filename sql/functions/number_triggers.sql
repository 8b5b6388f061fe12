-- ucrepl.number_triggers()
--
-- Purpose:    the triggers for document numbers that this node must have.
-- Parameters: none.
-- Returns:    for each one the table, the name, the statement that makes it, and whether it is there and enabled.
-- Reads:      ucrepl.numbering, ucrepl.number_owner, the catalog.
CREATE OR REPLACE FUNCTION ucrepl.number_triggers()
RETURNS TABLE (table_name text, trigger_name text, statement text, is_there boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH wanted (table_name, trigger_name, kind, timing, condition, function_name, is_needed) AS (
    VALUES
    (
        'ir_sequence', 'ucrepl_number', 'CONSTRAINT TRIGGER', 'AFTER INSERT OR UPDATE OF implementation',
        '', 'adopt_number_sequence', EXISTS (SELECT FROM ucrepl.numbering)
    ),
    (
        'ir_sequence_date_range', 'ucrepl_number', 'CONSTRAINT TRIGGER', 'AFTER INSERT',
        '', 'adopt_number_sequence', EXISTS (SELECT FROM ucrepl.numbering)
    ),
    (
        'account_move', 'ucrepl_owner', 'TRIGGER', 'BEFORE INSERT OR UPDATE OF state',
        'WHEN (new.state = ''posted'')', 'guard_number',
        EXISTS (SELECT FROM ucrepl.number_owner AS o WHERE o.table_name = 'account_journal')
    ),
    (
        'ir_sequence', 'ucrepl_owner', 'TRIGGER', 'BEFORE UPDATE OF number_next',
        'WHEN (old.implementation = ''no_gap'' AND old.number_next <> new.number_next)', 'guard_number',
        EXISTS (SELECT FROM ucrepl.number_owner AS o WHERE o.table_name = 'ir_sequence')
    ),
    (
        'ir_sequence_date_range', 'ucrepl_owner', 'TRIGGER', 'BEFORE UPDATE OF number_next',
        'WHEN (old.number_next <> new.number_next)', 'guard_number',
        EXISTS (SELECT FROM ucrepl.number_owner AS o WHERE o.table_name = 'ir_sequence')
    )
)
SELECT
    w.table_name,
    w.trigger_name,
    format(
        'CREATE %s %s %s ON public.%I %s FOR EACH ROW %s EXECUTE FUNCTION ucrepl.%I()',
        w.kind, w.trigger_name, w.timing, w.table_name,
        CASE w.kind WHEN 'TRIGGER' THEN '' ELSE 'DEFERRABLE INITIALLY DEFERRED' END,
        w.condition, w.function_name
    ),
    EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = to_regclass(format('public.%I', w.table_name)) AND t.tgname = w.trigger_name
            AND t.tgenabled = 'O' AND t.tgfoid = to_regproc(format('ucrepl.%I', w.function_name))
    )
FROM wanted AS w
WHERE w.is_needed AND to_regclass(format('public.%I', w.table_name)) IS NOT NULL
$$;
