-- ucrepl.make_number_sequence(name, increment, number_next)
--
-- Purpose:    makes the PostgreSQL sequence of an ir.sequence or of a date range as Odoo would, or has it count as its row says.
-- Parameters: its name, in public; the step; the first number that may be given.
-- Returns:    nothing.
-- Reads:      the catalog; ucrepl.numbering.
-- Writes:     the sequence. Its owner and privileges are those of the other sequences of Odoo's.
CREATE OR REPLACE FUNCTION ucrepl.make_number_sequence(name text, increment integer, number_next bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    there regclass := to_regclass(format('public.%I', name));
    model record;
    granted record;
BEGIN
    IF there IS NOT NULL THEN
        IF increment <> (SELECT s.seqincrement FROM pg_sequence AS s WHERE s.seqrelid = there) THEN
            EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s', there, increment);
        END IF;
        RETURN;
    END IF;

    SELECT c.relowner, CASE c.relkind WHEN 'S' THEN c.relacl END AS acl INTO model
    FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace
        AND (c.relkind = 'S' AND c.relname ~ '^ir_sequence_[0-9_]+$' OR c.relname = 'ir_sequence')
    ORDER BY c.relkind = 'S' DESC, c.oid
    LIMIT 1;
    EXECUTE format(
        'CREATE SEQUENCE public.%I INCREMENT BY %s START WITH %s', name, increment, ucrepl.next_of_slot(number_next - 1)
    );
    IF model.relowner <> current_user::regrole THEN
        EXECUTE format('ALTER SEQUENCE public.%I OWNER TO %s', name, model.relowner::regrole);
    END IF;
    FOR granted IN
        SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee
        FROM aclexplode(model.acl) AS a
        WHERE a.grantee <> model.relowner
    LOOP
        EXECUTE format('GRANT %s ON SEQUENCE public.%I TO %s', granted.privilege_type, name, granted.grantee);
    END LOOP;
END;
$$;
