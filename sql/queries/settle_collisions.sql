-- settle_collisions: takes the columns that lose out of their changes, notes those to park, logs all. Returns the number of conflicts.
--
-- The row that a new record was recognised as is no conflict, unless somebody has changed it here: it is simply brought up
-- to date. Nor is a column from which an empty value was withheld, nor what filled a new column, nor one that every write
-- changes (quiet). Of a column that is merged key by key the keys that lose become what they were.
WITH recognised AS (
    DELETE FROM pg_temp.collision AS c
    WHERE c.kind IN ('insert', 'withheld') AND c.target_at IS NULL
),
lost AS (
    SELECT c.seq, c.column_name::text AS column_name, array_agg(c.remote_path::text) FILTER (WHERE c.path IS NOT NULL) AS paths
    FROM pg_temp.collision AS c
    WHERE c.winner = 'target' AND c.kind <> 'deleted' AND NOT (c.kind IN ('insert', 'withheld') AND c.target_at IS NULL)
    GROUP BY c.seq, c.column_name
),
reduced AS (
    UPDATE pg_temp.change AS change
    SET new = @hstore@.hs_concat(@hstore@.delete(change.new, l.columns), l.values)
    FROM (
        SELECT
            c.seq,
            array_agg(l.column_name) AS columns,
            coalesce(
                @hstore@.hstore(
                    array_agg(l.column_name) FILTER (WHERE l.paths IS NOT NULL),
                    array_agg(
                        ucrepl.undone(
                            @hstore@.fetchval(c.new, l.column_name)::jsonb,
                            @hstore@.fetchval(c.old, l.column_name)::jsonb,
                            l.paths
                        )::text
                    ) FILTER (WHERE l.paths IS NOT NULL)
                ),
                ''
            ) AS values
        FROM lost AS l
        JOIN pg_temp.change AS c ON c.seq = l.seq
        GROUP BY c.seq
    ) AS l
    WHERE change.seq = l.seq
),
noted AS (
    INSERT INTO pg_temp.trouble (seq, reason, message)
    SELECT c.seq, 'conflict', format('both sides changed %%s', string_agg(c.label, ', ' ORDER BY c.label))
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
        c.label, c.old_value, c.source_value, c.target_value, c.source_at,
        c.target_at, c.policy, c.winner, c.seq
    FROM pg_temp.collision AS c
    WHERE c.kind NOT IN ('filled', 'none') AND c.quiet IS NOT TRUE
        AND NOT (c.kind IN ('insert', 'withheld') AND c.target_at IS NULL)
    RETURNING 1
)
SELECT count(*) FROM logged;
