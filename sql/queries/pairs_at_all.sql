-- pairs_at_all: all there are, but for those that were made for a peer which gets the record from another.
i.shipped_xid IS DISTINCT FROM '0'::xid8
