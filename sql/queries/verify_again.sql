-- verify_again: makes candidates of these findings again, and takes them out.
WITH taken AS (
    DELETE FROM pg_temp.verify_finding AS f
    WHERE f.finding_id = ANY (%(ids)s)
    RETURNING f.finding_id, f.table_id, f.key, f.local_key
)
INSERT INTO pg_temp.verify_candidate (table_id, key, local_key)
SELECT t.table_id, t.key, t.local_key
FROM taken AS t
ORDER BY t.finding_id;
