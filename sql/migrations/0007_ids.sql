-- Shared ids: clones whose sequences are interleaved, so that the same id means the same record on all of them.

CREATE TABLE ucrepl.id_slot (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    slot integer NOT NULL,
    slots integer NOT NULL,
    since timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CHECK (slot >= 0 AND slot < slots)
);

COMMENT ON TABLE ucrepl.id_slot IS
'At the most one row: the sequences of this node hand out the ids that leave the rest slot when divided by slots.';

ALTER TABLE ucrepl.link ADD COLUMN ids_shared_at timestamptz;

COMMENT ON COLUMN ucrepl.link.ids_shared_at IS
'Since then a new record has the id that it has on the source; null: it gets one of this node.';

COMMENT ON COLUMN ucrepl.identity.shipped_xid IS
'Places a pair in the batches of the link back to the peer; null: in none, 0: it was made for a peer that gets the record from another one, and is never sent to it.';
