-- verify_judge: takes out the candidates that are the same by now, and those that differ although nothing of them waits,
-- which are findings. Returns how many wait.
--
-- Parameters: table, its number; after and last, between which the candidates are; names, of the columns; composite,
-- whether the key has several; left_out, whether a rule keeps rows of the source from this side; unknown, whether rows
-- that are in no pair are no difference, and any_key, whether that holds for all that are not here; inserts_only, whether
-- deletes do not follow; lenient, of each column the number of the ids to which it refers if a rule may leave out such a
-- record; by_key, of each column whether it is merged key by key, and key_spaces the number of the ids that its keys are, if the
-- target may not know them; peer; link; space, the number of its ids. pg_temp.pair has the pairs of ids that have not arrived yet.
WITH looked AS (
    SELECT
        c.candidate_id,
        c.key,
        c.local_key,
        t.key IS NOT NULL AS there,
        h.candidate_id IS NOT NULL AS here,
        %(unknown)s AND h.candidate_id IS NULL AND (%(any_key)s OR c.local_key IS NULL) AS unknown,
        t.vals AS source_row,
        h.vals AS target_row,
        ARRAY(
            SELECT i
            FROM generate_subscripts(t.vals, 1) AS i
            WHERE h.candidate_id IS NOT NULL
                AND t.vals[i] IS DISTINCT FROM h.vals[i]
                AND CASE
                    -- Keys that only the target has are its own.
                    WHEN (%(by_key)s::boolean[])[i] THEN EXISTS (
                        SELECT
                        FROM ucrepl.changed_members(h.vals[i]::jsonb, t.vals[i]::jsonb) AS m
                        WHERE ucrepl.at_path(m.new, m.path) IS NOT NULL
                            AND NOT (
                                (%(key_spaces)s::integer[])[i] IS NOT NULL
                                AND m.path[1] ~ '^[0-9]{1,18}(,[0-9]{1,18})*$'
                                AND EXISTS (
                                    SELECT FROM unnest(string_to_array(m.path[1], ',')) AS id
                                    WHERE NOT EXISTS (
                                        SELECT FROM ucrepl.identity AS known
                                        WHERE known.peer_id = %(peer)s
                                            AND known.remote_table = (%(key_spaces)s::integer[])[i]
                                            AND known.remote_id = id::bigint
                                    )
                                )
                            )
                    )
                    ELSE true
                END
                AND NOT coalesce(t.gone[i] AND h.gone[i], false)
                AND NOT EXISTS (
                    SELECT
                    FROM pg_temp.verify_stopgap AS s
                    WHERE (s.key = c.key AND t.vals[i] IS NULL OR s.local_key = c.local_key AND h.vals[i] IS NULL)
                        AND s.column_name = (%(names)s::text[])[i]
                )
                AND NOT (
                    (h.vals[i] IS NULL OR h.vals[i] LIKE '?%%')
                    AND (%(lenient)s::integer[])[i] IS NOT NULL
                    AND NOT EXISTS (
                        SELECT FROM ucrepl.identity AS known
                        WHERE known.peer_id = %(peer)s AND known.remote_table = (%(lenient)s::integer[])[i]
                            AND known.remote_id = t.vals[i]::bigint
                    )
                )
            ORDER BY i
        ) AS places
    FROM pg_temp.verify_candidate AS c
    LEFT JOIN pg_temp.verify_there AS t ON t.key = c.key
    LEFT JOIN pg_temp.verify_here AS h ON h.candidate_id = c.candidate_id
    WHERE c.table_id = %(table)s AND c.candidate_id > %(after)s AND c.candidate_id <= %(last)s
),
judged AS MATERIALIZED (
    SELECT
        l.*,
        CASE
            WHEN l.there AND l.here THEN CASE WHEN cardinality(l.places) > 0 THEN 'different' END
            WHEN EXISTS (
                SELECT
                FROM pg_temp.verify_stopgap AS s
                WHERE (s.key = l.key OR s.local_key = l.local_key) AND s.column_name IS NULL
            ) THEN 'left out'
            WHEN l.there THEN CASE WHEN l.unknown OR (%(left_out)s AND l.local_key IS NULL) THEN 'left out' ELSE 'missing' END
            WHEN l.here AND NOT %(inserts_only)s THEN 'extra'
        END AS kind,
        NOT l.unknown AND coalesce(
            EXISTS (SELECT FROM pg_temp.verify_waiting AS w WHERE w.everything)
            OR coalesce(l.key IN (SELECT w.key FROM pg_temp.verify_waiting AS w WHERE w.key IS NOT NULL), false)
            OR coalesce(
                l.local_key IN (SELECT w.local_key FROM pg_temp.verify_waiting AS w WHERE w.local_key IS NOT NULL), false
            )
            OR EXISTS (
                SELECT
                FROM unnest(CASE WHEN %(composite)s THEN l.key::text[] ELSE ARRAY[l.key] END) AS v
                WHERE l.local_key IS NULL AND v IN (SELECT p.remote_id::text FROM pg_temp.pair AS p)
            )
            OR coalesce(
                l.local_key IN (
                    SELECT p.local_id::text FROM pg_temp.pair AS p
                    WHERE p.number IN (SELECT t.number FROM pg_temp.partner AS t WHERE t.table_id = %(space)s)
                ), false
            )
            OR EXISTS (
                SELECT FROM unnest(l.target_row) AS v
                WHERE v LIKE '?%%' AND v IN (SELECT '?' || p.local_id::text FROM pg_temp.pair AS p)
            ),
            false
        ) AS waits
    FROM looked AS l
),
found AS (
    INSERT INTO pg_temp.verify_finding (
        table_id, kind, key, local_key, parked, columns, source_values, target_values
    )
    SELECT
        %(table)s,
        j.kind,
        j.key,
        j.local_key,
        EXISTS (
            SELECT FROM ucrepl.parked AS p
            WHERE p.link_id = %(link)s AND p.table_id = %(table)s AND p.key = j.key AND p.skipped_at IS NULL
        ),
        CASE WHEN j.kind = 'different' THEN ARRAY(SELECT (%(names)s::text[])[i] FROM unnest(j.places) AS i) END,
        CASE WHEN j.kind = 'different' THEN ARRAY(SELECT j.source_row[i] FROM unnest(j.places) AS i) END,
        CASE WHEN j.kind = 'different' THEN ARRAY(SELECT j.target_row[i] FROM unnest(j.places) AS i) END
    FROM judged AS j
    WHERE j.kind IS NOT NULL AND NOT j.waits
    ORDER BY j.candidate_id
),
settled AS (
    DELETE FROM pg_temp.verify_candidate AS c
    USING judged AS j
    WHERE c.candidate_id = j.candidate_id AND (j.kind IS NULL OR NOT j.waits)
)
SELECT count(*)
FROM judged AS j
WHERE j.kind IS NOT NULL AND j.waits;
