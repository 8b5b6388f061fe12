-- begin_batch: locks the position of a link, and sets what holds for the transaction that applies a batch.
--
-- Parameters: patience, how long it waits for the position; brief, how long it waits for a lock once it has that.
-- is_begun: some of the batch has been applied already, by transactions of the source.
SELECT
    k.position::text AS position,
    k.paused OR k.seeding AS paused,
    k.pairs_complete,
    EXISTS (
        SELECT FROM ucrepl.parked AS p WHERE p.link_id = k.link_id AND p.skipped_at IS NULL
    ) AS has_parked,
    EXISTS (SELECT FROM ucrepl.applied_ahead AS a WHERE a.link_id = k.link_id) AS is_begun,
    EXISTS (SELECT FROM ucrepl.stopgap AS s WHERE s.peer_id = k.peer_id) AS has_stopgaps,
    pg_catalog.set_config('ucrepl.origin', %(origin)s, true) AS origin,
    pg_catalog.set_config('lock_timeout', %(brief)s, true) AS lock_timeout
FROM (
    SELECT l.*, pg_catalog.set_config('lock_timeout', %(patience)s, true)
    FROM ucrepl.link AS l
    WHERE l.link_id = %(link)s
    FOR UPDATE
) AS k;
