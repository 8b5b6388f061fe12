-- batch_of_few: the query `batch` by a function that staging_batch has made; the mark `function` is its name.
SELECT b.*
FROM pg_temp.@function@(%(position)s::pg_snapshot, %(ends)s::pg_snapshot) AS b (
    seq bigint, xid xid8, number integer, op "char", key text, old @hstore@.hstore, new @hstore@.hstore, at timestamptz
)
