-- staging_batch: the query `batch` as a function of the session, which PostgreSQL plans once: to plan it takes longer than to
-- run it for a few changes. It gathers what it returns, and so is nothing for many.
--
-- Without hashing: to read the blank images of all tables would take longer than all the rest.
CREATE OR REPLACE FUNCTION pg_temp.@function@(begins pg_snapshot, ends pg_snapshot)
RETURNS SETOF record
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off
SET enable_mergejoin = off
AS @body@;
