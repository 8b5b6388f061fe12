-- verify_staging: the temporary tables of a session on the target that compares both sides.
--
-- verify_sent_hash  keys and hashes of the source's rows in the chunks that differ
-- verify_here_hash  the same of the target's
-- verify_candidate  rows that may differ; the key is that of the source, null for one that it does not know
-- verify_here       the target's rows of the candidates, as texts in the ids of the source; gone: which of their references
--                   by model name point to nothing
-- verify_there      the source's rows of the candidates; image: the whole row as it is there, for a repair
-- verify_waiting    keys of records of which changes have not been replayed yet; null: of all of the table
-- verify_stopgap    what is null, or left out, on one side for a record of the other that is not known there: a column of
--                   a row, or with no column the whole row; known by the key of either side
-- verify_finding    what differs
CREATE TEMPORARY TABLE verify_sent_hash (key text NOT NULL, hash bigint NOT NULL);
CREATE TEMPORARY TABLE verify_here_hash (key text NOT NULL, hash bigint NOT NULL);

CREATE TEMPORARY TABLE verify_candidate (
    candidate_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id integer NOT NULL,
    key text,
    local_key text
);
CREATE INDEX ON pg_temp.verify_candidate (table_id, key);

CREATE TEMPORARY TABLE verify_here (
    candidate_id bigint NOT NULL,
    vals text[] NOT NULL,
    gone boolean[]
);

CREATE TEMPORARY TABLE verify_there (
    key text NOT NULL,
    vals text[] NOT NULL,
    gone boolean[],
    image text
);

CREATE TEMPORARY TABLE verify_waiting (
    key text,
    local_key text,
    everything boolean NOT NULL
);

CREATE TEMPORARY TABLE verify_stopgap (
    key text,
    local_key text,
    column_name name
);

CREATE TEMPORARY TABLE verify_finding (
    finding_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id integer NOT NULL,
    kind text NOT NULL,
    key text,
    local_key text,
    parked boolean NOT NULL,
    columns text[],
    source_values text[],
    target_values text[],
    outcome text
);

