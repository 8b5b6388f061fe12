-- Failover: how far the document numbers of a source were when they were last looked at.

CREATE TABLE ucrepl.source_counter (
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    sequence text NOT NULL,
    increment bigint NOT NULL,
    last_value bigint NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (link_id, sequence)
);

COMMENT ON TABLE ucrepl.source_counter IS
'The last number that each PostgreSQL sequence of an ir.sequence had given on the source of a link, by its name there. It is no row, and is replayed by nobody.';
