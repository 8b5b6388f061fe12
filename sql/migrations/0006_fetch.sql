-- Fetching: records that were read from the source because something referred to them.

CREATE TABLE ucrepl.fetched (
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    table_id integer NOT NULL REFERENCES ucrepl.table_name,
    key text NOT NULL,
    snapshot pg_snapshot NOT NULL,
    PRIMARY KEY (link_id, table_id, key)
);

COMMENT ON TABLE ucrepl.fetched IS
'The snapshot of the source from which a record was fetched: a change of it that is visible there is in its row, and is not replayed. Forgotten once the link is past it.';
