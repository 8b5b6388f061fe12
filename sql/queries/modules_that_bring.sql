-- modules_that_bring: which modules of Odoo bring these tables and columns, the one that was installed first before.
--
-- tables and columns go together, a null stands for the table itself.
SELECT w.table_name, d.module
FROM unnest(%(tables)s::text[], %(columns)s::text[]) AS w (table_name, column_name)
JOIN public.ir_model AS m ON replace(m.model, '.', '_') = w.table_name
LEFT JOIN public.ir_model_fields AS f ON f.model = m.model AND f.name = w.column_name
JOIN public.ir_model_data AS d ON CASE
        WHEN w.column_name IS NULL THEN d.model = 'ir.model' AND d.res_id = m.id
        ELSE d.model = 'ir.model.fields' AND d.res_id = f.id
    END
GROUP BY w.table_name, d.module
ORDER BY w.table_name, min(d.id);
