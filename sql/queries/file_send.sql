-- file_send: puts a chunk of a file into the queue, unless nobody waits for it any more.
WITH wanted AS (
    UPDATE ucrepl.file_request
    SET size = %(size)s, chunks = chunks + 1, done = %(done)s
    WHERE request_id = %(request)s AND chunks = %(place)s
    RETURNING request_id
)
INSERT INTO ucrepl.file_chunk (request_id, place, data)
SELECT w.request_id, %(place)s, %(data)b
FROM wanted AS w;
