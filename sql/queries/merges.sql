-- merges: how many of the staged changes of each table are merged into a record that is here.
SELECT c.table_id, count(*)
FROM pg_temp.change AS c
WHERE c.op = 'M'
GROUP BY c.table_id;
