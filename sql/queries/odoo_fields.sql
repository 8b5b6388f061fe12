-- odoo_fields: the stored fields by which records are referred to, or that have a value for each company or language, of
-- any version of Odoo. A translated field says so (true), or, from 19 on, how.
SELECT
    f.model,
    f.name,
    f.ttype,
    f.relation,
    coalesce((pg_catalog.to_jsonb(f.*) ->> 'company_dependent')::boolean, false),
    coalesce(pg_catalog.to_jsonb(f.*) ->> 'translate', '') NOT IN ('', 'false')
FROM public.ir_model_fields AS f
WHERE f.store
    AND (
        f.ttype IN ('many2one', 'reference', 'many2one_reference', 'properties', 'properties_definition', 'html')
        OR coalesce((pg_catalog.to_jsonb(f.*) ->> 'company_dependent')::boolean, false)
        OR coalesce(pg_catalog.to_jsonb(f.*) ->> 'translate', '') NOT IN ('', 'false')
    );
