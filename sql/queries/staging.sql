-- staging: the temporary tables of a session that replays. They are emptied at each commit.
--
-- change    the changes to apply now, one a record after coalescing; times: of a merged change, when each column changed;
--           attempts, parked_id, parked_at: of one that was parked before; one that is in no journal gets a number below zero
-- received  in the finer grain: the batch as it came, in the order of commit
-- trouble   changes that can't be applied, with the reason
-- collision columns in which the target holds neither the old nor the new value
-- touched   columns that this node has changed itself since the changes of the batch were made
-- rekeyed   ids that the source has changed in this batch, as they were and as they are now
-- left_out  changes left out because of a rule
-- pair      pairs of ids that the source has made
-- model     Odoo's models, with the number under which their ids are mapped, that of their table, their sequence, and
--           what becomes of new ids: given, also shipped to the peer, shared with it, never, or, in a dry run, not given
--           (kept for the session)
-- made      columns that a side has just made, up to which transaction what fills them is nobody's change, and the default
--           that all its rows got with it (kept for the session)
-- pattern   how ids stand in texts: regular expressions with five groups (kept for the session)
--
-- Those that are emptied at each commit have no indexes: an index is made anew then, after which PostgreSQL plans every
-- prepared statement again that reads the table, and that takes longer than to run it.
-- A batch of 20,000 wide rows stays in memory; it is read by every step.
SET temp_buffers = '96MB';
SET work_mem = '64MB';

-- The joins of our statements stand in the order in which they are best done; with thirty of them it takes the planner
-- longer to look for another one than it takes to run them.
SET join_collapse_limit = 1;

-- What a batch looks up in the identity map and in the tables was used a moment ago, as a rule: it is in memory. With the
-- defaults a batch of 20,000 changes would read a table of some 100,000 rows from its beginning to its end, and for a
-- column with few references too, for how many a batch has is not known.
SET random_page_cost = 0.02;
SET cpu_operator_cost = 0.0005;

CREATE TEMPORARY TABLE change (
    seq bigint NOT NULL DEFAULT -nextval('ucrepl.synthetic_seq'),
    xid xid8 NOT NULL,
    table_id integer NOT NULL,
    op "char" NOT NULL,
    key text,
    old @hstore@.hstore,
    new @hstore@.hstore,
    at timestamptz NOT NULL,
    times @hstore@.hstore,
    attempts integer NOT NULL DEFAULT 0,
    parked_id bigint,
    parked_at timestamptz
) ON COMMIT DELETE ROWS;
ALTER TABLE pg_temp.change SET (toast_tuple_target = 8160, autovacuum_enabled = off);

CREATE TEMPORARY TABLE received (
    LIKE pg_temp.change INCLUDING DEFAULTS,
    place integer
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE trouble (
    seq bigint NOT NULL,
    reason text NOT NULL,
    sqlstate text,
    message text NOT NULL
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE collision (
    seq bigint NOT NULL,
    kind text NOT NULL,
    table_id integer NOT NULL,
    remote_key text NOT NULL,
    local_key text,
    column_name name,
    old_value text,
    source_value text,
    target_value text,
    policy text NOT NULL,
    source_at timestamptz NOT NULL,
    target_at timestamptz,
    winner text
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE touched (
    table_id integer NOT NULL,
    local_key text NOT NULL,
    column_name text NOT NULL,
    at timestamptz NOT NULL
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE rekeyed (
    table_id integer NOT NULL,
    was bigint NOT NULL,
    now bigint NOT NULL
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE left_out (
    rule text NOT NULL,
    rows bigint NOT NULL
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE pair (
    local_schema name NOT NULL,
    local_table name NOT NULL,
    local_id bigint NOT NULL,
    remote_schema name NOT NULL,
    remote_table name NOT NULL,
    remote_id bigint NOT NULL,
    deleted_at timestamptz
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE model (
    model text PRIMARY KEY,
    number integer NOT NULL,
    table_id integer NOT NULL,
    sequence text NOT NULL,
    ids text NOT NULL
) ON COMMIT PRESERVE ROWS;

CREATE TEMPORARY TABLE made (
    on_source boolean NOT NULL,
    table_id integer NOT NULL,
    column_name name NOT NULL,
    xid xid8 NOT NULL,
    given text
) ON COMMIT PRESERVE ROWS;

CREATE TEMPORARY TABLE pattern (
    name text NOT NULL,
    place integer NOT NULL,
    regexp text NOT NULL,
    id_group integer NOT NULL,
    model_group integer,
    model text,
    digits integer,
    PRIMARY KEY (name, place)
) ON COMMIT PRESERVE ROWS;
