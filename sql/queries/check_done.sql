-- check_done: the stock moves that this node has done itself, as far as its journal reaches.
SELECT DISTINCT j.key::bigint AS id
FROM ucrepl.journal AS j
WHERE j.table_id = ucrepl.table_number('public.stock_move'::regclass)
    AND j.op = 'U'
    AND @hstore@.fetchval(j.new, 'state') = 'done';
