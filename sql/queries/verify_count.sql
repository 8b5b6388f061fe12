-- verify_count: how many rows of a table differ, and what became of them.
SELECT
    count(*) FILTER (WHERE f.kind = 'missing') AS missing,
    count(*) FILTER (WHERE f.kind = 'extra') AS extra,
    count(*) FILTER (WHERE f.kind = 'different') AS different,
    count(*) FILTER (WHERE f.kind = 'left out') AS left_out,
    count(*) FILTER (WHERE f.parked AND f.kind <> 'left out') AS parked,
    count(*) FILTER (WHERE f.outcome = 'done') AS mended,
    count(*) FILTER (WHERE f.outcome <> 'done') AS failed
FROM pg_temp.verify_finding AS f
WHERE f.table_id = %(table)s;
