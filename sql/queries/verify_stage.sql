-- verify_stage: stages what mends the findings of a table after the number `after`, as if the source had just written it.
--
-- by_key: the columns that are merged key by key; keys that only the target has are its own, and stay.
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
            ARRAY(
                SELECT CASE
                    WHEN v.name = ANY (%(by_key)s::text[]) THEN ucrepl.undone(v.target::jsonb, '{}', ARRAY(
                        SELECT m.path::text
                        FROM ucrepl.changed_members(v.target::jsonb, v.source::jsonb) AS m
                        WHERE m.path <> '{}' AND m.new = '{}'
                    ))::text
                    WHEN v.target !~ '^[?][0-9]+$' THEN v.target
                END
                FROM unnest(f.columns, f.target_values, f.source_values) AS v (name, target, source)
            )
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
