-- odoo_fields: the stored fields by which records are referred to, of any version of Odoo.
SELECT
    f.model,
    f.name,
    f.ttype,
    f.relation,
    coalesce((pg_catalog.to_jsonb(f.*) ->> 'company_dependent')::boolean, false)
FROM public.ir_model_fields AS f
WHERE f.store
    AND (
        f.ttype IN ('many2one', 'reference', 'many2one_reference', 'properties', 'properties_definition', 'html')
        OR coalesce((pg_catalog.to_jsonb(f.*) ->> 'company_dependent')::boolean, false)
    );
