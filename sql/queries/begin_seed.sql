-- begin_seed: stops replay of a link that is about to be seeded; nothing happens where it is being seeded already.
--
-- Tables that were seeded before by themselves stay so, as far as the link has been replayed since then; of those that
-- are to be seeded now (tables) the ones with parked rows are read again.
WITH begun AS (
    UPDATE ucrepl.link AS k
    SET seeding = true
    WHERE k.link_id = %(link)s AND NOT k.seeding
    RETURNING k.link_id, k.position
),
settled AS (
    DELETE FROM ucrepl.doubt AS d
    USING begun AS b
    WHERE d.link_id = b.link_id
),
filled_in AS (
    DELETE FROM ucrepl.postponed AS p
    USING begun AS b
    WHERE p.link_id = b.link_id
)
UPDATE ucrepl.seeded_table AS s
SET
    done = s.done AND NOT (
        s.table_id = ANY (%(tables)s) AND EXISTS (
            SELECT FROM ucrepl.parked AS p
            WHERE p.link_id = s.link_id AND p.table_id = s.table_id AND p.seq < 0 AND p.skipped_at IS NULL
        )
    ),
    snapshot = CASE
        WHEN (
            pg_catalog.pg_snapshot_xmax(b.position),
            pg_catalog.pg_snapshot_xmin(b.position),
            -(SELECT count(*) FROM pg_catalog.pg_snapshot_xip(b.position))
        ) > (
            pg_catalog.pg_snapshot_xmax(s.snapshot),
            pg_catalog.pg_snapshot_xmin(s.snapshot),
            -(SELECT count(*) FROM pg_catalog.pg_snapshot_xip(s.snapshot))
        ) THEN b.position
        ELSE s.snapshot
    END
FROM begun AS b
WHERE s.link_id = b.link_id;
