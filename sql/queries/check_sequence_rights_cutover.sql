-- check_sequence_rights_cutover: the sequences of Odoo's schema that the role may not both read and set.
SELECT c.relname::text AS sequence
FROM pg_catalog.pg_class AS c
WHERE c.relkind = 'S'
    AND c.relnamespace = 'public'::regnamespace
    AND NOT (
        pg_catalog.has_sequence_privilege(c.oid, 'SELECT') AND pg_catalog.has_sequence_privilege(c.oid, 'UPDATE')
    )
ORDER BY sequence;
