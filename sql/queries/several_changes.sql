-- several_changes: whether a record may have several changes in the batch, so that they have to be merged.
--
-- To begin with `coalesce` takes longer than to look. A large batch (256 KB) is not looked at: it has some, as a rule.
SELECT pg_catalog.pg_relation_size('pg_temp.change') > 262144 OR EXISTS (
    SELECT
    FROM pg_temp.change AS c
    WHERE c.table_id > 0
    GROUP BY c.table_id, c.key
    HAVING count(*) > 1
) AS found;
