-- take_held: stages held changes that have a place by now, in the order in which they were committed, about so many.
--
-- Parameters: tables, those with a place for whole changes; numbers and names, the columns that have one; naming,
-- naming_names and models as for `hold`: what still names a model without a table stays. Of a record of which values are
-- held, those of other columns stay. A transaction comes before those that depend on it, and is not cut: it had written
-- its last change before they wrote theirs. What stands in no journal (a number below zero) is of none. Values of
-- columns go on from the first old ones, or from null, as it is in a column that has just been made.
WITH place AS (
    SELECT p.number, array_agg(p.name) AS names
    FROM unnest(%(numbers)s::integer[], %(names)s::text[]) AS p (number, name)
    GROUP BY p.number
),
blocked AS (
    SELECT h.table_id, h.key
    FROM ucrepl.held AS h
    JOIN unnest(%(naming)s::integer[], %(naming_names)s::text[]) AS m (number, name) ON m.number = h.table_id
    WHERE h.link_id = %(link)s AND h.op <> 'C'
        AND replace(split_part(@hstore@.fetchval(h.new, m.name), ',', 1), '.', '_') = ANY (%(models)s::text[])
),
due AS MATERIALIZED (
    SELECT h.held_id, h.xid, h.seq, CASE WHEN h.seq < 0 THEN h.held_id ELSE 0 END AS alone
    FROM ucrepl.held AS h
    LEFT JOIN place AS p ON p.number = h.table_id
    WHERE h.link_id = %(link)s
        AND CASE h.op WHEN 'C' THEN @hstore@.exists_any(h.new, p.names) ELSE h.table_id = ANY (%(tables)s::integer[]) END
        AND NOT EXISTS (SELECT FROM blocked AS b WHERE b.table_id = h.table_id AND b.key = h.key)
),
transaction AS (
    SELECT d.xid, d.alone, sum(count(*)) OVER (ORDER BY max(d.seq), d.xid, d.alone) - count(*) AS rows_before
    FROM due AS d
    GROUP BY d.xid, d.alone
),
taken AS (
    DELETE FROM ucrepl.held AS h
    USING due AS d
    JOIN transaction AS t ON t.xid = d.xid AND t.alone = d.alone
    WHERE h.held_id = d.held_id AND t.rows_before < %(rows)s
    RETURNING h.*
),
kept AS (
    INSERT INTO ucrepl.held (link_id, seq, xid, table_id, op, key, old, new, at, times, held_at)
    SELECT
        t.link_id, t.seq, t.xid, t.table_id, t.op, t.key, t.old, @hstore@.delete(t.new, p.names), t.at, t.times, t.held_at
    FROM taken AS t
    JOIN place AS p ON p.number = t.table_id
    WHERE t.op = 'C' AND NOT @hstore@.akeys(t.new) <@ p.names
)
INSERT INTO pg_temp.change (seq, xid, table_id, op, key, old, new, at, times)
SELECT
    t.seq,
    t.xid,
    t.table_id,
    CASE t.op WHEN 'C' THEN 'U' ELSE t.op END,
    t.key,
    CASE t.op WHEN 'C' THEN (
        SELECT @hstore@.hstore(array_agg(v.name), array_agg(@hstore@.fetchval(t.old, v.name)))
        FROM unnest(@hstore@.akeys(sent.image)) AS v (name)
    ) ELSE t.old END,
    sent.image,
    t.at,
    t.times
FROM taken AS t
LEFT JOIN place AS p ON p.number = t.table_id
CROSS JOIN LATERAL (
    SELECT CASE t.op WHEN 'C' THEN @hstore@.slice(t.new, p.names) ELSE t.new END AS image
) AS sent;
