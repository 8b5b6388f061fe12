-- shape: another text when table `t` of ucrepl.table_name is called otherwise, or its columns or unique indexes are others, or
-- the columns of which its keys are made.
(SELECT c.relnamespace || ' ' || c.relname FROM pg_catalog.pg_class AS c WHERE c.oid = t.relation) || ' ' || (
    SELECT sum(pg_catalog.hashnameextended(a.attname, a.attnum::bigint << 32 | a.atttypid::bigint))::text
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = t.relation AND a.attnum > 0
) || ' ' || coalesce((
    SELECT string_agg(i.indisprimary || ' ' || i.indkey::text, ' ' ORDER BY i.indexrelid)
    FROM pg_catalog.pg_index AS i
    WHERE i.indrelid = t.relation AND i.indisunique
), '') || ' ' || coalesce((SELECT k.key_columns::text FROM ucrepl.tracked_table AS k WHERE k.table_id = t.table_id), '')
