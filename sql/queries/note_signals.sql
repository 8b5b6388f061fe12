-- note_signals: notes in the transaction of a batch what workers are to be told after it, or are told by it.
INSERT INTO ucrepl.signal AS s (link_id, relation, due, sent)
SELECT %(link)s, g.relation, g.due, (NOT g.due)::integer
FROM unnest(%(relations)s::text[], %(due)s::boolean[]) AS g (relation, due)
ORDER BY g.relation
ON CONFLICT (link_id, relation) DO UPDATE SET due = s.due OR excluded.due, sent = s.sent + excluded.sent;
