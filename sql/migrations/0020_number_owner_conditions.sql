-- Whose a journal or a sequence is says its row, when a number is given: so a new one has its owner at once.

ALTER TABLE ucrepl.number_owner ADD COLUMN place integer, ADD COLUMN condition text;

UPDATE ucrepl.number_owner AS o
SET place = n.place, condition = 'r.id = ' || o.record_id
FROM (
    SELECT ctid, row_number() OVER (PARTITION BY table_name ORDER BY record_id NULLS LAST) AS place
    FROM ucrepl.number_owner
) AS n
WHERE n.ctid = o.ctid;

ALTER TABLE ucrepl.number_owner DROP COLUMN record_id;
ALTER TABLE ucrepl.number_owner ADD PRIMARY KEY (table_name, place);

COMMENT ON TABLE ucrepl.number_owner IS
'The node that alone hands out the numbers of a journal, or of a sequence without gaps: the first by place whose condition holds for the row r of the table; condition null: all others. It is made of the configuration. refuses: elsewhere it is an error; else it is noted.';
