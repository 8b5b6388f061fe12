-- ucrepl.field_refers_to(of_model, field_path)
--
-- Purpose:    tells to which model a field refers.
-- Parameters: a model, and a field of it, or of a model to which its fields lead (partner_id.country_id).
-- Returns:    the model; an empty text for a field that is a number or a truth value; null where it is not certain.
-- Reads:      public.ir_model_fields.
CREATE OR REPLACE FUNCTION ucrepl.field_refers_to(of_model text, field_path text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field text;
    known record;
    here text := of_model;
    is_number boolean := false;
BEGIN
    FOREACH field IN ARRAY string_to_array(field_path, '.') LOOP
        IF here IS NULL OR is_number THEN
            RETURN NULL;
        ELSIF field <> 'id' THEN
            SELECT f.ttype, f.relation INTO known
            FROM public.ir_model_fields AS f
            WHERE f.model = here AND f.name = field;
            is_number := known.ttype IN ('integer', 'float', 'monetary', 'boolean');
            here := known.relation;
        END IF;
    END LOOP;
    RETURN CASE WHEN is_number THEN '' ELSE here END;
END;
$$;
