-- ids_join: has a link share ids, and pairs with its source all records that this node has in common with other peers that
-- share ids: the source gets them from these, under the same ids.
WITH joined AS (
    UPDATE ucrepl.link AS k
    SET ids_shared_at = now()
    WHERE k.link_id = %(link)s
    RETURNING k.peer_id
)
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, shipped_xid)
SELECT DISTINCT j.peer_id, i.remote_table, i.remote_id, i.local_table, i.local_id, '0'::xid8
FROM joined AS j
JOIN ucrepl.link AS o ON o.ids_shared_at IS NOT NULL AND o.peer_id <> j.peer_id
JOIN ucrepl.identity AS i ON i.peer_id = o.peer_id
WHERE i.remote_table = i.local_table AND i.remote_id = i.local_id AND i.deleted_at IS NULL
ON CONFLICT DO NOTHING;
