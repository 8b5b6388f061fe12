-- batch_of_few: the query `batch` by the function that staging_batch has made.
SELECT b.*
FROM pg_temp.batch(
    %(position)s::pg_snapshot, %(ends)s::pg_snapshot, %(tables)s::integer[], %(seeded)s::pg_snapshot[]
) AS b (
    seq bigint, xid xid8, number integer, op "char", key text, old @hstore@.hstore, new @hstore@.hstore, at timestamptz
)
