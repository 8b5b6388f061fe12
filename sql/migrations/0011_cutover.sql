-- Cut-over: which side of a pair is open for writing, and how its work moved from one side to the other.

CREATE TABLE ucrepl.fence (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    closed boolean NOT NULL,
    moved_to text,
    next_seq bigint NOT NULL,
    changed_xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

COMMENT ON TABLE ucrepl.fence IS
'At the most one row: whether this node is closed for all but replay, and which node has its work. The journal goes on with next_seq when it opens. Without a row it is open.';

CREATE TABLE ucrepl.cutover (
    cutover_id uuid PRIMARY KEY,
    link text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('cutover', 'rehearsal', 'failover', 'rejoin')),
    options jsonb NOT NULL,
    outcome text CHECK (outcome IN ('done', 'taken back')),
    report jsonb,
    began_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ended_at timestamptz
);

COMMENT ON TABLE ucrepl.cutover IS
'Cut-overs between this node and others, the same rows on both. outcome is null while one is under way, or was interrupted.';

CREATE TABLE ucrepl.cutover_step (
    cutover_id uuid NOT NULL REFERENCES ucrepl.cutover ON DELETE CASCADE,
    place integer NOT NULL,
    step text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ended_at timestamptz,
    PRIMARY KEY (cutover_id, place)
);

COMMENT ON TABLE ucrepl.cutover_step IS
'Each step is written before it is taken, and when it has been.';
