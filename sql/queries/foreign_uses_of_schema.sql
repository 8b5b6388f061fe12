-- foreign_uses_of_schema: columns of other schemas whose type lives in our schema (somebody uses the hstore that we brought).
SELECT format('%s.%I', a.attrelid::regclass, a.attname) AS used_by
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'c')
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE t.typnamespace = 'ucrepl'::regnamespace
    AND c.relnamespace <> 'ucrepl'::regnamespace
    AND c.relpersistence <> 't'
    AND NOT a.attisdropped
ORDER BY used_by;
