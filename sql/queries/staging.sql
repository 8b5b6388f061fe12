-- staging: the temporary tables of a session that replays. They are emptied at each commit.
--
-- change    the changes to apply now, one a record after coalescing; times: of a merged change, when each column changed,
--           and, under its name, chr(31) and a path, each key of it;
--           attempts, parked_id, parked_at: of one that was parked before; one that is in no journal gets a number below zero
-- note      what is noted of a batch, of each kind under a name of its own:
--   trouble    changes that can't be applied, with the reason
--   collision  columns in which the target holds neither the old nor the new value. path: of a column that is merged key
--              by key, which of its values (ucrepl.at_path), remote_path: the same on the source; quiet: not to be logged
--   touched    columns that this node has changed itself since the changes of the batch were made, with the path
--   left_out   changes left out because of a rule
-- rekeyed   ids that the source has changed in this batch, as they were and as they are now
-- pair      pairs of ids that the source has made, with the number of their table there
-- partner   the number here of each table of the source, by its number there (kept for the session)
-- model     Odoo's models, with the number under which their ids are mapped, that of their table, their sequence, and
--           what becomes of new ids: given, also shipped to the peer, shared with it, never, or, in a dry run, not given
--           (kept for the session)
-- made      columns that a side has just made, up to which transaction what fills them is nobody's change, and the default
--           that all its rows got with it (kept for the session)
-- pattern   how ids stand in texts: regular expressions with five groups (kept for the session)
-- by_key    the columns that are merged key by key (kept for the session)
--
-- Those that are emptied at each commit have no indexes: an index is made anew then, after which PostgreSQL plans every
-- prepared statement again that reads the table, and that takes longer than to run it. A table that can hold long texts has
-- one, in secret, of what is stored out of line (TOAST): it takes a fifth of a millisecond to empty such a table that is
-- empty, so that there are as few of them as can be, and what is seldom needed is made when it is (staging_received).
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

CREATE TEMPORARY TABLE note (
    what text NOT NULL,
    seq bigint,
    kind text,
    reason text,
    sqlstate text,
    message text,
    table_id integer,
    remote_key text,
    local_key text,
    column_name name,
    path text[],
    remote_path text[],
    quiet boolean,
    old_value text,
    source_value text,
    target_value text,
    policy text,
    source_at timestamptz,
    target_at timestamptz,
    winner text,
    rule text,
    rows bigint
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY VIEW trouble AS
SELECT n.what, n.seq, n.reason, n.sqlstate, n.message
FROM pg_temp.note AS n
WHERE n.what = 'trouble';
ALTER VIEW pg_temp.trouble ALTER COLUMN what SET DEFAULT 'trouble';

CREATE TEMPORARY VIEW collision AS
SELECT
    n.ctid AS place, n.what, n.seq, n.kind, n.table_id, n.remote_key, n.local_key, n.column_name, n.path, n.remote_path,
    n.column_name || coalesce('[' || n.path[1] || ']', '') AS label, n.quiet, n.old_value, n.source_value, n.target_value, n.policy, n.source_at, n.target_at, n.winner
FROM pg_temp.note AS n
WHERE n.what = 'collision';
ALTER VIEW pg_temp.collision ALTER COLUMN what SET DEFAULT 'collision';

CREATE TEMPORARY VIEW touched AS
SELECT n.what, n.table_id, n.local_key, n.column_name, n.path, n.target_at AS at
FROM pg_temp.note AS n
WHERE n.what = 'touched';
ALTER VIEW pg_temp.touched ALTER COLUMN what SET DEFAULT 'touched';

CREATE TEMPORARY VIEW left_out AS
SELECT n.what, n.rule, n.rows
FROM pg_temp.note AS n
WHERE n.what = 'left_out';
ALTER VIEW pg_temp.left_out ALTER COLUMN what SET DEFAULT 'left_out';

CREATE TEMPORARY TABLE rekeyed (
    table_id integer NOT NULL,
    was bigint NOT NULL,
    now bigint NOT NULL
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE pair (
    number integer NOT NULL,
    local_id bigint NOT NULL,
    remote_id bigint NOT NULL,
    deleted_at timestamptz
) ON COMMIT DELETE ROWS;

CREATE TEMPORARY TABLE partner (
    number integer PRIMARY KEY,
    table_id integer NOT NULL
) ON COMMIT PRESERVE ROWS;

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

CREATE TEMPORARY TABLE by_key (
    table_id integer NOT NULL,
    column_name name NOT NULL,
    PRIMARY KEY (table_id, column_name)
) ON COMMIT PRESERVE ROWS;
