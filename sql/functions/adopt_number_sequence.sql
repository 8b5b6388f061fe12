-- ucrepl.adopt_number_sequence()
--
-- Purpose:    keeps the numbers of a new ir.sequence, or of a new date range, apart from those of other nodes. A deferred
--             trigger, because Odoo makes the row first, then its PostgreSQL sequence, and may draw the first number.
-- Parameters: none.
-- Returns:    null (the result of an AFTER trigger is not used).
-- Reads:      ucrepl.numbering.
-- Writes:     ir_sequence, ir_sequence_date_range: number_next tells the peers which numbers are gone; the sequence;
--             ucrepl.number_note.
--
-- A date range that make_date_ranges has made has no sequence yet: it gets one.
-- A first number that was drawn already is the same on every node: what is not of this node's slot is noted, because
-- another node that begins the same date range before it hears of this one gives it too.
-- Where the role that installed ucrepl may not alter the sequence it stays as it is: `ucrepl numbers status` shows it.
CREATE OR REPLACE FUNCTION ucrepl.adopt_number_sequence() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_range boolean := tg_table_name = 'ir_sequence_date_range';
    main_id bigint := CASE WHEN is_range THEN to_jsonb(new) ->> 'sequence_id' ELSE to_jsonb(new) ->> 'id' END;
    there regclass;
    given bigint;
    whose integer;
BEGIN
    IF ucrepl.is_replay() OR NOT ucrepl.set_number_apart(main_id) THEN
        RETURN NULL;
    END IF;
    there := to_regclass(format('public.%I', ucrepl.number_sequence(main_id, CASE WHEN is_range THEN new.id END)));
    IF there IS NULL AND is_range THEN
        PERFORM ucrepl.follow_number_sequence(main_id);
        RETURN NULL;
    END IF;
    IF there IS NULL OR NOT EXISTS (SELECT FROM ucrepl.numbering AS n WHERE n.way = 'interleave') THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM %s', there) INTO given;
    SELECT mod(given, n.slots) INTO whose FROM ucrepl.numbering AS n WHERE given > 0 AND mod(given, n.slots) <> n.slot;
    IF is_range AND whose IS NOT NULL THEN
        INSERT INTO ucrepl.number_note (table_name, record_id, owner, document)
        SELECT 'ir_sequence', main_id, format('slot %s', whose), format('%s, number %s from %s on', s.name, given, new.date_from)
        FROM public.ir_sequence AS s
        WHERE s.id = main_id;
    END IF;
    EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s', there, (SELECT n.slots FROM ucrepl.numbering AS n));
    PERFORM setval(there, ucrepl.next_of_slot(given), false);
    EXECUTE format(
        'UPDATE public.%I SET number_next = $1 WHERE id = $2 AND number_next < $1', tg_table_name
    ) USING given + 1, new.id;
    RETURN NULL;
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN NULL;
END;
$$;
