-- Of which caches the workers of this node's Odoo were told, for each link that ends here.

CREATE TABLE ucrepl.signal (
    link_id integer NOT NULL REFERENCES ucrepl.link ON DELETE CASCADE,
    relation text NOT NULL,
    due boolean NOT NULL,
    sent bigint NOT NULL,
    PRIMARY KEY (link_id, relation)
) WITH (fillfactor = 50);

COMMENT ON COLUMN ucrepl.signal.due IS
'Written with the batch that changed the rows of a cache, taken back when its workers were told: a number of a sequence that is drawn before the commit would come too early.';
