-- Seeding: how far it is, and what it has to come back to.

ALTER TABLE ucrepl.link ADD COLUMN seeding boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN ucrepl.link.seeding IS
'The link is being seeded, or its seeding was interrupted: it is not replayed.';

-- Numbers for changes that stand in no journal: they are used below zero, so that they come before all that do.
CREATE SEQUENCE ucrepl.synthetic_seq;

CREATE TABLE ucrepl.seeded_table (
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    table_id integer NOT NULL REFERENCES ucrepl.table_name,
    snapshot pg_snapshot NOT NULL,
    done boolean NOT NULL DEFAULT false,
    rows bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (link_id, table_id)
);

COMMENT ON TABLE ucrepl.seeded_table IS
'The snapshot of the source from which the rows of a table were copied: a change that is visible in it is not replayed.';

CREATE TABLE ucrepl.postponed (
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    table_id integer NOT NULL REFERENCES ucrepl.table_name,
    key text NOT NULL,
    column_name name NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (link_id, table_id, key, column_name)
);

COMMENT ON TABLE ucrepl.postponed IS
'References of copied rows to records that come later. key and value are those of the source.';

CREATE TABLE ucrepl.doubt (
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    table_id integer NOT NULL REFERENCES ucrepl.table_name,
    remote_id bigint NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (link_id, table_id, remote_id)
);

COMMENT ON TABLE ucrepl.doubt IS
'Records of the source that could be several of this node: they are parked when they are copied.';
