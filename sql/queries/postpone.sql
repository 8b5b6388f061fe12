-- postpone: takes references to records that come later out of the staged rows, and notes them for when these are there.
WITH noted AS (
    INSERT INTO ucrepl.postponed (link_id, table_id, key, column_name, value)
    SELECT %(link)s, f.table_id, f.key, f.column_name, f.value
    FROM pg_temp.forward AS f
    WHERE f.can_wait
    ON CONFLICT (link_id, table_id, key, column_name) DO UPDATE SET value = excluded.value
),
nulls AS (
    SELECT f.seq, @hstore@.hstore(array_agg(f.column_name::text), array_agg(NULL::text)) AS image
    FROM pg_temp.forward AS f
    WHERE f.can_wait
    GROUP BY f.seq
)
UPDATE pg_temp.change AS c
SET new = @hstore@.hs_concat(c.new, n.image)
FROM nulls AS n
WHERE c.seq = n.seq;
