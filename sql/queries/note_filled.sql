-- note_filled: notes of changes that fill columns which the source has just made that they count as made long ago.
--
-- The mark `changes` is the temporary table in which they are: `change`, or `received`.
--
-- What a column gets when it is made, its default or what Odoo computes, is nobody's change: it gives way to any value.
WITH filled AS (
    SELECT c.seq, array_agg(m.column_name::text) AS names
    FROM pg_temp.@changes@ AS c
    JOIN pg_temp.made AS m ON m.on_source AND m.table_id = c.table_id
    WHERE c.op = 'U' AND c.xid <= m.xid
        AND @hstore@.exist(c.old, m.column_name::text) AND @hstore@.fetchval(c.old, m.column_name::text) IS NULL
    GROUP BY c.seq
)
UPDATE pg_temp.@changes@ AS c
SET times = @hstore@.hs_concat(
    coalesce(
        c.times, @hstore@.hstore(@hstore@.akeys(c.new), array_fill(c.at::text, ARRAY[cardinality(@hstore@.akeys(c.new))]))
    ),
    @hstore@.hstore(f.names, array_fill('-infinity'::text, ARRAY[cardinality(f.names)]))
)
FROM filled AS f
WHERE c.seq = f.seq;
