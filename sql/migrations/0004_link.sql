-- The links that end at this node: position, counters, and what could not be applied.

CREATE TABLE ucrepl.link (
    link_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    peer_id smallint NOT NULL REFERENCES ucrepl.peer,
    source_system bigint NOT NULL,
    source_database oid NOT NULL,
    position pg_snapshot NOT NULL,
    position_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    seeded_at timestamptz,
    pairs_complete boolean NOT NULL DEFAULT false,
    paused boolean NOT NULL DEFAULT false,
    applied bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    conflicts bigint NOT NULL DEFAULT 0,
    last_error text,
    last_error_at timestamptz
) WITH (fillfactor = 50);

COMMENT ON COLUMN ucrepl.link.position IS
'The last tick of the source that has been applied here, written in the transaction that applied it.';

CREATE TABLE ucrepl.skipped (
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    rule text NOT NULL,
    rows bigint NOT NULL,
    PRIMARY KEY (link_id, rule)
);

CREATE TABLE ucrepl.parked (
    parked_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
    reason text NOT NULL CHECK (reason IN ('unresolved', 'ambiguous', 'conflict', 'missing', 'error', 'queued')),
    sqlstate text,
    message text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    parked_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    skipped_at timestamptz,
    UNIQUE (link_id, seq)
);

CREATE INDEX parked_record ON ucrepl.parked (link_id, table_id, key) WHERE skipped_at IS NULL;

COMMENT ON TABLE ucrepl.parked IS
'Changes that could not be applied, with their reason and images. table_id names the table of the source. times: of a merged change, when each column changed.';

CREATE TABLE ucrepl.conflict (
    conflict_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('update', 'insert', 'deleted')),
    table_id integer NOT NULL REFERENCES ucrepl.table_name,
    remote_key text NOT NULL,
    local_key text,
    column_name name,
    old_value text,
    source_value text,
    target_value text,
    source_at timestamptz NOT NULL,
    target_at timestamptz,
    policy text NOT NULL,
    winner text NOT NULL CHECK (winner IN ('source', 'target', 'parked')),
    seq bigint NOT NULL,
    logged_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE INDEX conflict_link ON ucrepl.conflict (link_id, conflict_id);
