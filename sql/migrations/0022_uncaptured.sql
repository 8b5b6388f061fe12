-- What the journal lacks, and which links have made up for it since.

CREATE TABLE ucrepl.uncaptured (
    uncaptured_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id integer NOT NULL,
    key text,
    columns text[],
    reason text NOT NULL CHECK (reason IN ('large', 'truncated', 'earlier')),
    xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

COMMENT ON TABLE ucrepl.uncaptured IS
'Changes of this node that are not in its journal, or not wholly: columns whose values were too large (key and columns are null where even they could not be told); rows of a truncated partition that its transaction may not have seen; rows of a table that are from before its triggers. ucrepl resync brings them.';

CREATE TABLE ucrepl.resynced (
    link text NOT NULL,
    table_id integer NOT NULL,
    seen pg_snapshot NOT NULL,
    PRIMARY KEY (link, table_id)
);

COMMENT ON TABLE ucrepl.resynced IS
'Up to which snapshot of this node the links that begin here have a table as it was, whatever its journal lacks.';
