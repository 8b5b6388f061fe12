-- shapes: the tables of a node by their numbers, each with what `shape` says of it.
SELECT t.table_id, @shape@ AS shape
FROM ucrepl.table_name AS t
WHERE t.relation IS NOT NULL;
