-- Files of attachments: those that the daemon of another node has asked for, and those that could not be brought here.

CREATE UNLOGGED TABLE ucrepl.file_request (
    request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    link text NOT NULL,
    asked_by integer NOT NULL DEFAULT pg_catalog.pg_backend_pid(),
    asked_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    store_fname text NOT NULL,
    size bigint,
    chunks integer NOT NULL DEFAULT 0,
    done boolean NOT NULL DEFAULT false,
    refusal text,
    message text
);

COMMENT ON TABLE ucrepl.file_request IS
'Files of this node that daemons of other nodes have asked for. The daemon beside the filestore fills in size, chunks (so many were sent), done, or why it can''t send the file. The one that asked deletes the row.';

CREATE UNLOGGED TABLE ucrepl.file_chunk (
    request_id bigint NOT NULL REFERENCES ucrepl.file_request ON DELETE CASCADE,
    place integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (request_id, place)
);

ALTER TABLE ucrepl.file_chunk ALTER COLUMN data SET STORAGE EXTERNAL;

COMMENT ON TABLE ucrepl.file_chunk IS
'Pieces of these files on their way. The one that asked deletes what it has taken.';

CREATE TABLE ucrepl.parked_file (
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    store_fname text NOT NULL,
    size bigint,
    checksum text,
    reason text NOT NULL CHECK (
        reason IN ('missing', 'unreadable', 'different', 'unanswered', 'large', 'unwritable')
    ),
    message text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    parked_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    tried_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (link_id, store_fname)
);

COMMENT ON TABLE ucrepl.parked_file IS
'Files of the source that attachments of this node refer to, and that could not be brought here.';
