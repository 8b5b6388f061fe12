-- file_take: takes the chunks that come next, and tells the daemon beside the filestore that there is room again.
WITH taken AS (
    DELETE FROM ucrepl.file_chunk AS c
    USING (
        SELECT n.request_id, n.place
        FROM ucrepl.file_chunk AS n
        WHERE n.request_id = ANY (%(requests)s)
        ORDER BY n.request_id, n.place
        LIMIT %(most)s
    ) AS n
    WHERE c.request_id = n.request_id AND c.place = n.place
    RETURNING c.request_id, c.place, c.data
)
SELECT t.request_id, t.data
FROM taken AS t
ORDER BY t.request_id, t.place;
