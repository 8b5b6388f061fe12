-- ucrepl.guard_number()
--
-- Purpose:    sees to it that only the owner posts entries of a journal, and draws from a sequence without gaps: anywhere
--             else that is an error, or is noted.
-- Parameters: none. On account_move, ir_sequence and ir_sequence_date_range.
-- Returns:    the new row.
-- Reads:      ucrepl.number_owner_of(); account_journal and ir_sequence for the message.
-- Writes:     ucrepl.number_note.
--
-- The error is one of a constraint: Odoo shows its text to the user. What replay writes comes from the owner.
CREATE OR REPLACE FUNCTION ucrepl.guard_number() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ruled ucrepl.number_owner;
    written jsonb := to_jsonb(new);
    guarded text := CASE tg_table_name WHEN 'account_move' THEN 'account_journal' ELSE 'ir_sequence' END;
    guarded_id bigint := CASE tg_table_name
        WHEN 'account_move' THEN written ->> 'journal_id'
        WHEN 'ir_sequence' THEN written ->> 'id'
        ELSE written ->> 'sequence_id'
    END;
    label text;
BEGIN
    IF ucrepl.is_replay() THEN
        RETURN new;
    END IF;
    IF tg_table_name = 'account_move' AND tg_op = 'UPDATE' THEN
        IF to_jsonb(old) ->> 'state' = 'posted' THEN
            RETURN new;
        END IF;
    ELSIF tg_table_name = 'ir_sequence_date_range' THEN
        IF NOT EXISTS (SELECT FROM public.ir_sequence AS s WHERE s.id = guarded_id AND s.implementation = 'no_gap') THEN
            RETURN new;
        END IF;
    END IF;
    ruled := ucrepl.number_owner_of(guarded, guarded_id);
    IF ruled.owner IS NULL OR ruled.is_here THEN
        RETURN new;
    END IF;
    IF NOT ruled.refuses THEN
        INSERT INTO ucrepl.number_note (table_name, record_id, owner, document)
        VALUES (guarded, guarded_id, ruled.owner, coalesce(written ->> 'name', written ->> 'id'));
        RETURN new;
    END IF;
    IF guarded = 'account_journal' THEN
        SELECT j.code INTO label FROM public.account_journal AS j WHERE j.id = guarded_id;
        RAISE EXCEPTION 'entries of the journal % are posted on % only', quote_literal(label), quote_literal(ruled.owner)
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'keep the draft, and post it there';
    END IF;
    SELECT s.name INTO label FROM public.ir_sequence AS s WHERE s.id = guarded_id;
    RAISE EXCEPTION 'numbers of the sequence % are given on % only', quote_literal(label), quote_literal(ruled.owner)
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'do there what needs the number';
END;
$$;
