-- What columns and keys of tables were before: the journal has changes from then.

ALTER TABLE ucrepl.table_name ADD COLUMN columns name[];

COMMENT ON COLUMN ucrepl.table_name.columns IS
'The names of the columns as they were last seen, by attnum; null for one that has been dropped.';

CREATE TABLE ucrepl.former_column (
    table_id integer NOT NULL REFERENCES ucrepl.table_name,
    attnum smallint NOT NULL,
    name name NOT NULL,
    until_xid xid8 NOT NULL,
    PRIMARY KEY (table_id, attnum, name, until_xid)
);

COMMENT ON TABLE ucrepl.former_column IS
'Names that columns of tables of this node had, and the transaction that has given them another one.';

CREATE TABLE ucrepl.former_key (
    table_id integer NOT NULL REFERENCES ucrepl.table_name,
    until_seq bigint NOT NULL,
    key_columns name[] NOT NULL,
    PRIMARY KEY (table_id, until_seq)
);

COMMENT ON TABLE ucrepl.former_key IS
'Of which columns the keys of changes are made, up to this number in the journal of this node; later ones as ucrepl.tracked_table says.';

ALTER TABLE ucrepl.peer_table ADD COLUMN key_columns name[];

COMMENT ON COLUMN ucrepl.peer_table.key_columns IS
'The key of the table there, of which the keys of what waits here are made.';
