-- staging_cached: the temporary table for rows of which Odoo's workers may keep something, as they were before a batch.
CREATE TEMPORARY TABLE cached (
    table_id integer NOT NULL,
    seq bigint NOT NULL,
    image bigint,
    chosen boolean NOT NULL
) ON COMMIT DELETE ROWS;
