-- modules_that_relate: which modules of Odoo bring these tables of many2many fields.
SELECT r.name AS table_name, m.name AS module
FROM public.ir_model_relation AS r
JOIN public.ir_module_module AS m ON m.id = r.module
WHERE r.name = ANY (%(tables)s::text[])
ORDER BY r.name, r.id;
