-- staging_batch: the query `batch` as a function of the session, which PostgreSQL plans once: to plan it takes longer than to
-- run it for a few changes. It gathers what it returns, and so is nothing for many.
CREATE OR REPLACE FUNCTION pg_temp.batch(begins pg_snapshot, ends pg_snapshot, tables integer[], seeded pg_snapshot[])
RETURNS SETOF record
LANGUAGE plpgsql
AS @body@;
