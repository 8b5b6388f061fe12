-- merges: how many of the staged changes of each table are merged into a record that is here, and whether one has another
-- id here than on the source.
--
-- Parameters: peer; numbers, spaces: of the tables whose ids are mapped, in parallel arrays.
SELECT c.table_id, count(*), coalesce(bool_or(own.remote_id <> own.local_id), false) AS ids_differ
FROM pg_temp.change AS c
LEFT JOIN unnest(%(numbers)s::integer[], %(spaces)s::integer[]) AS s (number, space) ON s.number = c.table_id
LEFT JOIN ucrepl.identity AS own
    ON own.peer_id = %(peer)s AND own.remote_table = s.space
    AND own.remote_id = CASE WHEN s.space IS NOT NULL THEN c.key::bigint END
WHERE c.op = 'M'
GROUP BY c.table_id;
