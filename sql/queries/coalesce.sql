-- coalesce: merges the changes of one record into its net change.
--
-- I..U = I, I..D = nothing, U..U = U with the first old and the last new. D..I = I with the old row beside the new one:
-- an update where the record is known, an insert where it is not; merged once more (it was parked, or held) it is still
-- both. An update that ends as it began stays: it was written later than what the other side may have written meanwhile.
--
-- Of a column that is merged key by key the keys that one of the changes has changed are merged in the same way, and no
-- others stay; one that ends as it began has as its old value that which it had before its last change, so that it still
-- is one.
--
-- What a rule leaves out has a number below zero and no images: there is nothing to merge. Nor are changes of a table of
-- which the batch has an update of a key, or a TRUNCATE: one key need not be one record then. Nor are those of
-- the tables `apart`, with numbers that add up: between two of them may have come what this node has sent itself.
WITH several AS (
    SELECT c.table_id, c.key
    FROM pg_temp.change AS c
    WHERE c.table_id > 0 AND c.table_id <> ALL (%(apart)s::integer[])
    GROUP BY c.table_id, c.key
    HAVING count(*) > 1 AND NOT EXISTS (
        SELECT FROM pg_temp.change AS o WHERE o.op IN ('K', 'T') AND o.table_id = c.table_id
    )
),
taken AS (
    DELETE FROM pg_temp.change AS c
    USING several AS s
    WHERE c.table_id = s.table_id AND c.key = s.key
    RETURNING c.seq, c.xid, c.table_id, c.op, c.key, c.old, c.new, c.at, c.times, c.attempts, c.parked_id, c.parked_at
),
merged AS (
    SELECT
        max(seq) AS seq,
        (array_agg(xid ORDER BY seq DESC))[1] AS xid,
        table_id,
        (array_agg(CASE WHEN op = 'I' AND old IS NOT NULL THEN 'D' ELSE op END ORDER BY seq))[1] AS first_op,
        (array_agg(op ORDER BY seq DESC))[1] AS last_op,
        bool_or(op = 'D' OR op = 'I' AND old IS NOT NULL) AS deleted,
        key,
        ucrepl.overlay(old ORDER BY seq DESC) AS old,
        ucrepl.overlay(new ORDER BY seq) AS new,
        max(at) AS at,
        max(attempts) AS attempts,
        min(parked_id) AS parked_id,
        min(parked_at) AS parked_at,
        ucrepl.overlay(
            CASE
                WHEN op IN ('I', 'U') THEN coalesce(times, @hstore@.hstore(
                    @hstore@.akeys(new),
                    array_fill(at::text, ARRAY[cardinality(@hstore@.akeys(new))])
                ))
            END
            ORDER BY seq
        ) AS times
    FROM taken
    GROUP BY table_id, key
),
members AS (
    SELECT
        t.table_id,
        t.key,
        b.column_name::text AS column_name,
        m.path,
        max(t.seq) AS seq,
        (array_agg(m.old ORDER BY t.seq))[1] AS first_old,
        (array_agg(m.old ORDER BY t.seq DESC))[1] AS last_old,
        (array_agg(m.new ORDER BY t.seq DESC))[1] AS new,
        concat(b.column_name, chr(31), m.path) AS time_name,
        (
            array_agg(
                coalesce(
                    @hstore@.fetchval(t.times, concat(b.column_name, chr(31), m.path)),
                    @hstore@.fetchval(t.times, b.column_name::text),
                    t.at::text
                ) ORDER BY t.seq DESC
            )
        )[1] AS time
    FROM taken AS t
    JOIN pg_temp.by_key AS b ON b.table_id = t.table_id
    CROSS JOIN LATERAL ucrepl.changed_members(
        @hstore@.fetchval(t.old, b.column_name::text)::jsonb, @hstore@.fetchval(t.new, b.column_name::text)::jsonb
    ) AS m
    WHERE t.op IN ('I', 'U') AND @hstore@.exist(t.new, b.column_name::text)
    GROUP BY t.table_id, t.key, b.column_name, m.path
),
objects AS (
    SELECT
        m.table_id,
        m.key,
        m.column_name,
        jsonb_object_agg(m.path[1], v.old -> m.path[1]) FILTER (WHERE v.old ? m.path[1]) AS old,
        jsonb_object_agg(m.path[1], m.new -> m.path[1]) FILTER (WHERE m.new ? m.path[1]) AS new,
        array_agg(v.old) FILTER (WHERE m.path = '{}' AND v.old IS DISTINCT FROM '{}') AS began,
        array_agg(m.new) FILTER (WHERE m.path = '{}' AND m.new IS DISTINCT FROM '{}') AS ended,
        max(m.seq) FILTER (WHERE m.path = '{}') = max(m.seq) AS ended_so,
        array_agg(m.time_name) AS time_names,
        array_agg(m.time) AS times
    FROM members AS m
    CROSS JOIN LATERAL (
        SELECT CASE WHEN m.first_old IS DISTINCT FROM m.new THEN m.first_old ELSE m.last_old END AS old
    ) AS v
    GROUP BY m.table_id, m.key, m.column_name
),
by_key AS (
    SELECT
        o.table_id,
        o.key,
        @hstore@.hstore(
            array_agg(o.column_name),
            array_agg(
                CASE
                    WHEN o.began IS NULL THEN coalesce(o.old, '{}')
                    WHEN o.old IS NULL THEN o.began[1]
                    ELSE o.old || jsonb_build_object(chr(31), array_remove(o.began, NULL))
                END::text
            )
        ) AS old,
        @hstore@.hstore(
            array_agg(o.column_name),
            array_agg(CASE WHEN o.ended_so AND o.ended IS NOT NULL THEN o.ended[1] ELSE coalesce(o.new, '{}') END::text)
        ) AS new,
        ucrepl.overlay(@hstore@.hstore(o.time_names, o.times)) AS times
    FROM objects AS o
    GROUP BY o.table_id, o.key
),
net AS (
    SELECT
        m.seq,
        m.xid,
        m.table_id,
        CASE
            WHEN m.last_op = 'D' THEN 'D'
            WHEN m.first_op = 'I' OR m.deleted THEN 'I'
            ELSE 'U'
        END AS op,
        m.key,
        CASE
            WHEN m.first_op = 'I' THEN NULL
            WHEN m.deleted THEN m.old
            ELSE coalesce(@hstore@.hs_concat(m.old, k.old), m.old)
        END AS old,
        CASE
            WHEN m.last_op = 'D' THEN NULL
            WHEN m.first_op = 'I' OR m.deleted THEN m.new
            ELSE coalesce(@hstore@.hs_concat(m.new, k.new), m.new)
        END AS new,
        m.at,
        m.attempts,
        m.parked_id,
        m.parked_at,
        coalesce(@hstore@.hs_concat(m.times, k.times), m.times) AS times
    FROM merged AS m
    LEFT JOIN by_key AS k ON k.table_id = m.table_id AND k.key = m.key
    WHERE NOT (m.first_op = 'I' AND m.last_op = 'D')
)
INSERT INTO pg_temp.change (seq, xid, table_id, op, key, old, new, at, attempts, parked_id, parked_at, times)
SELECT seq, xid, table_id, op::"char", key, old, new, at, attempts, parked_id, parked_at, times
FROM net;
