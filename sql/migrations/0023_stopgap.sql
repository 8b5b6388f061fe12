-- What stands on this node for a record of a peer that is not known here: a null, or a row that was left out.

CREATE TABLE ucrepl.stopgap (
    peer_id smallint NOT NULL,
    table_id integer NOT NULL,
    key text NOT NULL,
    column_name name NOT NULL,
    local_key text,
    space integer NOT NULL,
    remote_id bigint NOT NULL,
    new @hstore@.hstore,
    at timestamptz NOT NULL,
    PRIMARY KEY (peer_id, table_id, key, column_name)
);

CREATE INDEX stopgap_record ON ucrepl.stopgap (peer_id, space, remote_id);
CREATE INDEX stopgap_local ON ucrepl.stopgap (table_id, local_key);

COMMENT ON TABLE ucrepl.stopgap IS
'A reference of the row key of the peer to the record remote_id (its ids are mapped as those of the table space) that is null in the row local_key here; without local_key the whole row new was left out.';
