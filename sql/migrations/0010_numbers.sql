-- Document numbers: how the ir.sequence of this node are kept apart from those of others, and who owns the rest.

CREATE TABLE ucrepl.numbering (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    way text NOT NULL CHECK (way IN ('interleave', 'prefix')),
    slot integer,
    slots integer,
    prefix text,
    prefixes text[] NOT NULL DEFAULT '{}',
    since timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CHECK (CASE way WHEN 'interleave' THEN slot >= 0 AND slot < slots ELSE prefix IS NOT NULL END)
);

COMMENT ON TABLE ucrepl.numbering IS
'At the most one row: standard sequences hand out the numbers that leave the rest slot when divided by slots; or their prefix begins with that of this node. prefixes: those of all nodes.';

CREATE TABLE ucrepl.numbered_sequence (
    sequence_id bigint PRIMARY KEY,
    number_increment integer NOT NULL,
    prefix text
);

COMMENT ON TABLE ucrepl.numbered_sequence IS
'The rows of ir_sequence that were set apart, with what they had before.';

CREATE TABLE ucrepl.number_owner (
    table_name text NOT NULL CHECK (table_name IN ('account_journal', 'ir_sequence')),
    record_id bigint,
    owner text NOT NULL,
    is_here boolean NOT NULL,
    refuses boolean NOT NULL
);

CREATE UNIQUE INDEX number_owner_record ON ucrepl.number_owner (table_name, (coalesce(record_id, 0)));

COMMENT ON TABLE ucrepl.number_owner IS
'The node that alone hands out the numbers of a journal, or of a sequence without gaps; record_id null: of all others. It is made of the configuration. refuses: elsewhere it is an error; else it is noted.';

CREATE TABLE ucrepl.number_note (
    note_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name text NOT NULL,
    record_id bigint NOT NULL,
    owner text NOT NULL,
    document text,
    noted_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

COMMENT ON TABLE ucrepl.number_note IS 'Numbers that this node has handed out although another one owns them.';

ALTER TABLE ucrepl.parked DROP CONSTRAINT parked_reason_check;
ALTER TABLE ucrepl.parked ADD CONSTRAINT parked_reason_check CHECK (
    reason IN ('unresolved', 'ambiguous', 'conflict', 'missing', 'number', 'error', 'queued')
);
