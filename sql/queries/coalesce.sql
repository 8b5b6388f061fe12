-- coalesce: merges the changes of one record into its net change.
--
-- I..U = I, I..D = nothing, U..U = U with the first old and the last new. D..I = I with the old row beside the new one:
-- an update where the record is known, an insert where it is not; merged once more (it was parked, or held) it is still
-- both. An update that ends as it began stays: it was written later than what the other side may have written meanwhile.
--
-- What a rule leaves out has a number below zero and no images: there is nothing to merge. Nor are changes of a table of
-- which the batch has an update of a key, or a TRUNCATE: one key need not be one record then.
WITH several AS (
    SELECT c.table_id, c.key
    FROM pg_temp.change AS c
    WHERE c.table_id > 0
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
net AS (
    SELECT
        seq,
        xid,
        table_id,
        CASE
            WHEN last_op = 'D' THEN 'D'
            WHEN first_op = 'I' OR deleted THEN 'I'
            ELSE 'U'
        END AS op,
        key,
        CASE
            WHEN first_op = 'I' THEN NULL
            WHEN deleted THEN old
            ELSE old
        END AS old,
        CASE
            WHEN last_op = 'D' THEN NULL
            WHEN first_op = 'I' OR deleted THEN new
            ELSE new
        END AS new,
        at,
        attempts,
        parked_id,
        parked_at,
        times
    FROM merged
    WHERE NOT (first_op = 'I' AND last_op = 'D')
)
INSERT INTO pg_temp.change (seq, xid, table_id, op, key, old, new, at, attempts, parked_id, parked_at, times)
SELECT seq, xid, table_id, op::"char", key, old, new, at, attempts, parked_id, parked_at, times
FROM net;
