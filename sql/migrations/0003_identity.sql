-- The identity map: which local row a peer's row is.

CREATE TABLE ucrepl.peer (
    peer_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    uuid uuid NOT NULL UNIQUE
);

-- shipped_xid places a pair that was made here in the batches of the link back to the peer; null: not to be shipped.
-- A deleted row keeps its pair as a tombstone.
CREATE TABLE ucrepl.identity (
    peer_id smallint NOT NULL,
    remote_table integer NOT NULL,
    remote_id bigint NOT NULL,
    local_table integer NOT NULL,
    local_id bigint NOT NULL,
    shipped_xid xid8,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX identity_remote ON ucrepl.identity (peer_id, remote_table, remote_id);
CREATE UNIQUE INDEX identity_local ON ucrepl.identity (peer_id, local_table, local_id, remote_table);
CREATE INDEX identity_shipped ON ucrepl.identity (shipped_xid) WHERE shipped_xid IS NOT NULL;

CREATE VIEW ucrepl.identity_map AS
SELECT
    p.name AS peer,
    CASE n.schema_name
        WHEN 'public' THEN n.table_name::text
        ELSE n.schema_name::text || '.' || n.table_name::text
    END AS table_name,
    i.remote_id,
    i.local_id
FROM ucrepl.identity AS i
JOIN ucrepl.peer AS p ON p.peer_id = i.peer_id
JOIN ucrepl.table_name AS n ON n.table_id = i.remote_table
WHERE i.deleted_at IS NULL;

COMMENT ON VIEW ucrepl.identity_map IS
'For other programs: the row local_id of this database is the row remote_id of the table table_name of the node peer.';
