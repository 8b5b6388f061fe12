-- hold: keeps the changes that have no place here, and drops what they make void: all that is held of a table that is
-- truncated, of a record that is deleted, and of one that was read as it is now (its number is below zero). Returns how many changes were taken out of the batch.
--
-- Parameters: tables, the numbers of those that are missing; naming and naming_names, columns of other tables in which
-- models are named (alone, or before a comma and an id); models, the names of the missing tables. A change that names a
-- model without a table has no place, nor has a later one of a record of which an earlier one is held.
-- A record of which the insert is held was never here, and its delete is not kept either. Where keys are updated, or this
-- batch has a TRUNCATE, what is held of a key need not be of one record: a delete is kept then, and drops nothing.
WITH named AS (
    SELECT c.seq
    FROM unnest(%(naming)s::integer[], %(naming_names)s::text[]) AS m (number, name)
    JOIN pg_temp.change AS c ON c.table_id = m.number
    WHERE replace(split_part(@hstore@.fetchval(c.new, m.name), ',', 1), '.', '_') = ANY (%(models)s::text[])
),
behind AS (
    SELECT c.seq
    FROM pg_temp.change AS c
    JOIN ucrepl.held AS h ON h.link_id = %(link)s AND h.table_id = c.table_id AND h.key = c.key AND h.seq < c.seq
    WHERE c.table_id = ANY (%(naming)s::integer[]) AND h.op <> 'C'
),
taken AS (
    DELETE FROM pg_temp.change AS c
    WHERE c.table_id = ANY (%(tables)s::integer[])
        OR c.seq IN (SELECT n.seq FROM named AS n UNION ALL SELECT b.seq FROM behind AS b)
    RETURNING c.seq, c.xid, c.table_id, c.op, c.key, c.old, c.new, c.at, c.times
),
mixed AS (
    SELECT DISTINCT t.table_id
    FROM taken AS t
    WHERE t.op IN ('K', 'T')
),
void AS (
    DELETE FROM ucrepl.held AS h
    USING taken AS t
    WHERE h.link_id = %(link)s AND h.table_id = t.table_id
        AND (
            t.op = 'T'
            OR t.op = 'I' AND t.seq < 0 AND h.key = t.key
            OR t.op = 'D' AND h.key = t.key AND t.table_id NOT IN (SELECT m.table_id FROM mixed AS m) AND NOT EXISTS (
                SELECT FROM ucrepl.held AS k
                WHERE k.link_id = %(link)s AND k.table_id = t.table_id AND k.op = 'K'
            )
        )
    RETURNING h.seq, h.table_id, h.op, h.key, h.old
),
first AS (
    SELECT DISTINCT ON (v.table_id, v.key) v.table_id, v.key, v.op = 'I' AND v.old IS NULL AS was_new
    FROM void AS v
    ORDER BY v.table_id, v.key, v.seq
),
kept AS (
    INSERT INTO ucrepl.held (link_id, seq, xid, table_id, op, key, old, new, at, times)
    SELECT %(link)s, t.seq, t.xid, t.table_id, t.op, t.key, t.old, t.new, t.at, t.times
    FROM taken AS t
    WHERE NOT (
        t.op = 'D' AND t.table_id NOT IN (SELECT m.table_id FROM mixed AS m)
        AND EXISTS (SELECT FROM first AS f WHERE f.table_id = t.table_id AND f.key = t.key AND f.was_new)
    )
)
SELECT count(*) FROM taken;
