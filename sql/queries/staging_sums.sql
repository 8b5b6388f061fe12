-- staging_sums: the temporary tables of a session on the target that compares totals.
--
-- sums_there    the sums of the source, each with the image of a row, or of a change, of its combination
-- sums_waiting  changes of the target that are parked on the source
-- sums_found    combinations whose sums differ
CREATE TEMPORARY TABLE IF NOT EXISTS sums_there (
    sums numeric[] NOT NULL,
    image text NOT NULL
);

CREATE TEMPORARY TABLE IF NOT EXISTS sums_waiting (
    op text NOT NULL,
    old text,
    new text
);

CREATE TEMPORARY TABLE IF NOT EXISTS sums_found (
    kind text NOT NULL,
    key text,
    local_key text,
    here numeric[] NOT NULL,
    there numeric[] NOT NULL,
    image text
);
