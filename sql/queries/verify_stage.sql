-- verify_stage: stages what mends the findings of a table after the number `after`, as if the source had just written it.
--
-- The numbers of these changes are far below those of the journal, in the order of the findings.
INSERT INTO pg_temp.received (seq, xid, table_id, op, key, old, new, at)
SELECT
    %(floor)s + f.finding_id,
    pg_catalog.pg_current_xact_id(),
    f.table_id,
    CASE f.kind WHEN 'missing' THEN 'I' WHEN 'different' THEN 'U' ELSE 'D' END::"char",
    f.key,
    CASE f.kind
        WHEN 'different' THEN @hstore@.hstore(
            f.columns,
            ARRAY(SELECT CASE WHEN v !~ '^[?][0-9]+$' THEN v END FROM unnest(f.target_values) AS v)
        )
    END,
    CASE f.kind
        WHEN 'missing' THEN t.image::@hstore@.hstore
        WHEN 'different' THEN @hstore@.slice(t.image::@hstore@.hstore, f.columns)
    END,
    pg_catalog.clock_timestamp()
FROM pg_temp.verify_finding AS f
LEFT JOIN pg_temp.verify_there AS t ON t.key = f.key
WHERE f.table_id = %(table)s AND f.finding_id > %(after)s
    AND (f.kind IN ('missing', 'different') OR (f.kind = 'extra' AND f.key IS NOT NULL));
