-- verify_candidates: makes candidates of the rows whose hashes differ, or that one side has only.
--
-- In the order of the ids: a parent is likely to come before its children.
WITH differing AS (
    SELECT coalesce(s.key, h.key) AS key
    FROM pg_temp.verify_sent_hash AS s
    FULL JOIN pg_temp.verify_here_hash AS h ON h.key = s.key
    WHERE s.hash IS DISTINCT FROM h.hash
)
INSERT INTO pg_temp.verify_candidate (table_id, key)
SELECT %(table)s, d.key
FROM differing AS d
ORDER BY length(d.key), d.key;
