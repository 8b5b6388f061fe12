-- staging_received: the temporary table for the finer grain, of the batch as it came; place: in the order of commit.
CREATE TEMPORARY TABLE IF NOT EXISTS received (
    LIKE pg_temp.change INCLUDING DEFAULTS,
    place integer
) ON COMMIT DELETE ROWS;
