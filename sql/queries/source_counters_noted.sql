-- source_counters_noted: what the target of a link knows of the sequences of its source.
SELECT s.sequence, s.increment, s.last_value
FROM ucrepl.source_counter AS s
JOIN ucrepl.link AS k USING (link_id)
WHERE k.name = %(link)s;
