-- Held changes: those of tables and columns of the source for which this node has no place yet.

CREATE TABLE ucrepl.held (
    held_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    seq bigint NOT NULL,
    xid xid8 NOT NULL,
    table_id integer NOT NULL REFERENCES ucrepl.table_name,
    op "char" NOT NULL,
    key text,
    old @hstore@.hstore,
    new @hstore@.hstore,
    at timestamptz NOT NULL,
    times @hstore@.hstore,
    held_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE UNIQUE INDEX held_values ON ucrepl.held (link_id, table_id, key) WHERE op = 'C';
CREATE INDEX held_record ON ucrepl.held (link_id, table_id, key);

COMMENT ON TABLE ucrepl.held IS
'Changes that have no place here yet, applied once they have. op as in the journal: a change of a table that is missing here; C: the last values of columns that are missing here, of a row whose other columns have been written. table_id names the table of the source.';

ALTER TABLE ucrepl.link ADD COLUMN waits_for text;

COMMENT ON COLUMN ucrepl.link.waits_for IS
'What the daemon waits for before it replays the link again: modules of Odoo are being installed here.';
