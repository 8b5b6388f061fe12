-- verify_chunks_begin: begins the transaction that hashes a table of the target, and counts its rows in the same snapshot.
--
-- Replay looks a few ids up; here all rows are joined to their identities, with the planner's usual costs. Two processes
-- share a large table, and none of them sorts its rows to group them.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET LOCAL random_page_cost TO DEFAULT;
SET LOCAL cpu_operator_cost TO DEFAULT;
SET LOCAL max_parallel_workers_per_gather = 1;
SET LOCAL enable_sort = off;
