-- forget_troubled: takes back the ids of new records that are going to be parked, so that what refers to them is found too.
--
-- Only those of this transaction: an id that was given before, at a mention, stands in other rows.
DELETE FROM ucrepl.identity AS i
USING pg_temp.change AS c
JOIN pg_temp.trouble AS t ON t.seq = c.seq
WHERE c.op = 'I' AND c.table_id = ANY (%(surrogates)s)
    AND i.peer_id = %(peer)s AND i.remote_table = (%(spaces)s::integer[])[array_position(%(surrogates)s::integer[], c.table_id)]
    AND i.remote_id = CASE WHEN c.table_id = ANY (%(surrogates)s) THEN c.key::bigint END
    AND pg_catalog.age(i.xmin) <= 0;
