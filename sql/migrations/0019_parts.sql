-- Batches that are applied in parts: what of the next one has been applied already, and how many there were.

CREATE TABLE ucrepl.applied_ahead (
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    xid xid8 NOT NULL,
    PRIMARY KEY (link_id, xid)
);

COMMENT ON TABLE ucrepl.applied_ahead IS
'Transactions of the source after the position of a link that have been applied here: their batch could not be applied as a whole, and is not at its end.';

ALTER TABLE ucrepl.link ADD finer bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN ucrepl.link.finer IS
'Batches that could not be applied as a whole.';
