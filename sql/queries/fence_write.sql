-- fence_write: writes down whether the node is closed, where its work has moved to, and the next number of its journal.
INSERT INTO ucrepl.fence AS f (closed, moved_to, next_seq)
VALUES (%(closed)s, %(moved_to)s, %(next)s)
ON CONFLICT (singleton) DO UPDATE SET
    closed = excluded.closed,
    moved_to = excluded.moved_to,
    next_seq = excluded.next_seq,
    changed_xid = excluded.changed_xid,
    changed_at = excluded.changed_at;
