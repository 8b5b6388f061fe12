-- The journal: what changed, and the ticks at which a batch may end.

CREATE SEQUENCE ucrepl.journal_seq CACHE 1;

-- A ring of four parts. Block k of 2^20 changes goes to part k mod 4; a part whose changes have all been consumed
-- is truncated. Nothing is ever created or dropped at run time, and no part can be missing. The parts are children and
-- not partitions: routing and the check of a partition would cost a third of the capture of a single row.
CREATE TABLE ucrepl.journal (
    seq bigint NOT NULL,
    xid xid8 NOT NULL,
    table_id integer NOT NULL,
    op "char" NOT NULL,
    key text,
    old @hstore@.hstore,
    new @hstore@.hstore,
    at timestamptz NOT NULL
);

COMMENT ON TABLE ucrepl.journal IS
'One row a change. op: I insert, U update, K update of key columns, D delete, T truncate. I keeps the new row, U and K the changed columns, D the old row.';

-- Rows of up to 8 kB stay whole: compressing a row of 65 columns costs more than all the rest of the capture.
CREATE TABLE ucrepl.journal_0 () INHERITS (ucrepl.journal) WITH (toast_tuple_target = 8160);
CREATE TABLE ucrepl.journal_1 () INHERITS (ucrepl.journal) WITH (toast_tuple_target = 8160);
CREATE TABLE ucrepl.journal_2 () INHERITS (ucrepl.journal) WITH (toast_tuple_target = 8160);
CREATE TABLE ucrepl.journal_3 () INHERITS (ucrepl.journal) WITH (toast_tuple_target = 8160);

CREATE INDEX journal_0_xid ON ucrepl.journal_0 (xid);
CREATE INDEX journal_1_xid ON ucrepl.journal_1 (xid);
CREATE INDEX journal_2_xid ON ucrepl.journal_2 (xid);
CREATE INDEX journal_3_xid ON ucrepl.journal_3 (xid);

-- Snapshots of one server are totally ordered in time by (before_xid, oldest_xid, -running).
CREATE TABLE ucrepl.tick (
    snapshot pg_snapshot NOT NULL,
    before_xid xid8 NOT NULL GENERATED ALWAYS AS (pg_catalog.pg_snapshot_xmax(snapshot)) STORED,
    oldest_xid xid8 NOT NULL GENERATED ALWAYS AS (pg_catalog.pg_snapshot_xmin(snapshot)) STORED,
    running integer NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

CREATE INDEX tick_order ON ucrepl.tick (before_xid, oldest_xid, running DESC);

-- How far the links that read this journal have come, told by them from time to time: what all of them have consumed may go.
CREATE TABLE ucrepl.consumer (
    link text PRIMARY KEY,
    confirmed pg_snapshot NOT NULL,
    confirmed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
