-- source_counters_note: writes down on the target of a link how far the sequences of its source are.
INSERT INTO ucrepl.source_counter AS s (link_id, sequence, increment, last_value)
SELECT %(link)s, u.*
FROM unnest(%(sequences)s::text[], %(increments)s::bigint[], %(last_values)s::bigint[]) AS u
ON CONFLICT (link_id, sequence) DO UPDATE SET
    increment = excluded.increment, last_value = excluded.last_value, noted_at = excluded.noted_at;
