-- document_counters: Odoo's sequences of document numbers, whose names match `names`, and how far they are.
SELECT c.relname AS sequence, s.seqincrement AS increment, pg_catalog.pg_sequence_last_value(c.oid) AS last_value
FROM pg_catalog.pg_sequence AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid AND c.relnamespace = 'public'::regnamespace
WHERE c.relname ~ %(names)s;
