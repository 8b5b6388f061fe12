-- file_next: of each session that has asked for files, the one that is to be sent now, if it has room for more.
SELECT DISTINCT ON (r.asked_by) r.request_id, r.store_fname, r.chunks, r.size, w.chunks AS waiting
FROM ucrepl.file_request AS r
CROSS JOIN LATERAL (
    SELECT count(*) AS chunks
    FROM ucrepl.file_chunk AS c
    JOIN ucrepl.file_request AS o ON o.request_id = c.request_id
    WHERE o.asked_by = r.asked_by
) AS w
WHERE NOT r.done AND r.refusal IS NULL AND w.chunks < %(most)s
ORDER BY r.asked_by, r.request_id;
