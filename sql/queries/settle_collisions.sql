-- settle_collisions: takes the columns that lose out of their changes, notes those to park, logs all. Returns the number of conflicts.
--
-- The row that a new record was recognised as is no conflict, unless somebody has changed it here: it is simply brought up
-- to date. Nor is a column from which an empty value was withheld, nor what filled a new column.
WITH recognised AS (
    DELETE FROM pg_temp.collision AS c
    WHERE c.kind IN ('insert', 'withheld') AND c.target_at IS NULL
),
lost AS (
    SELECT c.seq, array_agg(c.column_name::text) AS columns
    FROM pg_temp.collision AS c
    WHERE c.winner = 'target' AND c.kind <> 'deleted' AND NOT (c.kind IN ('insert', 'withheld') AND c.target_at IS NULL)
    GROUP BY c.seq
),
reduced AS (
    UPDATE pg_temp.change AS change
    SET new = @hstore@.delete(change.new, l.columns)
    FROM lost AS l
    WHERE change.seq = l.seq
),
noted AS (
    INSERT INTO pg_temp.trouble (seq, reason, message)
    SELECT c.seq, 'conflict', format('both sides changed %%s', string_agg(c.column_name, ', ' ORDER BY c.column_name))
    FROM pg_temp.collision AS c
    WHERE c.winner = 'parked' AND c.kind <> 'deleted' AND NOT (c.kind IN ('insert', 'withheld') AND c.target_at IS NULL)
    GROUP BY c.seq
),
logged AS (
    INSERT INTO ucrepl.conflict (
        link_id, kind, table_id, remote_key, local_key, column_name, old_value, source_value, target_value,
        source_at, target_at, policy, winner, seq
    )
    SELECT
        %(link)s, CASE c.kind WHEN 'withheld' THEN 'update' ELSE c.kind END, c.table_id, c.remote_key, c.local_key,
        c.column_name, c.old_value, c.source_value, c.target_value, c.source_at, c.target_at, c.policy, c.winner, c.seq
    FROM pg_temp.collision AS c
    WHERE c.kind <> 'filled' AND NOT (c.kind IN ('insert', 'withheld') AND c.target_at IS NULL)
    RETURNING 1
)
SELECT count(*) FROM logged;
