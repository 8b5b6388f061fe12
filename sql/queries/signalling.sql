-- signalling: which of these sequences and tables the database has, and whether each is a sequence.
SELECT c.relname::text, c.relkind = 'S' AS is_sequence
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = to_regnamespace('public')
    AND c.relname = ANY (%(names)s)
    AND c.relkind IN ('S', 'r');
