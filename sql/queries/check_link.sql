-- check_link: what the target knows of a link and of its source; nulls where they have never met.
SELECT
    p.uuid AS peer_uuid,
    k.source_system,
    k.source_database,
    k.position::text AS position,
    k.seeded_at,
    k.ids_shared_at,
    EXISTS (SELECT FROM ucrepl.identity AS i WHERE i.peer_id = p.peer_id) AS has_pairs
FROM (VALUES (%(peer)s::text, %(link)s::text)) AS g (peer, link)
LEFT JOIN ucrepl.peer AS p ON p.name = g.peer
LEFT JOIN ucrepl.link AS k ON k.name = g.link;
