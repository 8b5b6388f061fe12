-- staging_received: the temporary tables for the finer grain.
--
-- received  the batch as it came; place: in the order of commit. It stays when a part of it is committed.
-- aside     changes of a table, numbered, while it is tried which of them a statement fails on
CREATE TEMPORARY TABLE IF NOT EXISTS received (
    LIKE pg_temp.change INCLUDING DEFAULTS,
    place integer
) ON COMMIT PRESERVE ROWS;
TRUNCATE pg_temp.received;

CREATE TEMPORARY TABLE IF NOT EXISTS aside (
    LIKE pg_temp.change,
    place integer PRIMARY KEY
) ON COMMIT DELETE ROWS;
