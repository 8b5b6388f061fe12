-- Tables are their relations, not their names: which one has a number, and which number a peer gives to the same table.

ALTER TABLE ucrepl.table_name
    DROP CONSTRAINT table_name_schema_name_table_name_key,
    ADD COLUMN relation oid,
    ADD COLUMN dropped_at timestamptz;

CREATE UNIQUE INDEX table_name_relation ON ucrepl.table_name (relation);

COMMENT ON COLUMN ucrepl.table_name.relation IS
'The table of this node that has the number, whatever it is called by now (see ucrepl.follow_tables); null for one that only a peer has, and for one that has been dropped.';

CREATE TABLE ucrepl.peer_table (
    peer_id smallint NOT NULL REFERENCES ucrepl.peer,
    remote_number integer NOT NULL,
    table_id integer NOT NULL REFERENCES ucrepl.table_name,
    PRIMARY KEY (peer_id, remote_number)
);

COMMENT ON TABLE ucrepl.peer_table IS
'Under which number of this node the tables of a peer are known, by their numbers there: a table that is renamed on one side stays the same.';
