-- set_sequences: sets sequences to the last numbers that they are to have given.
SELECT pg_catalog.setval(u.name::regclass, u.number)
FROM unnest(%(names)s::text[], %(numbers)s::bigint[]) AS u (name, number);
