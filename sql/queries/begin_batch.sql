-- begin_batch: locks the position of a link, and sets what holds for the transaction that applies a batch.
--
-- is_begun: some of the batch has been applied already, by transactions of the source.
SELECT
    k.position::text AS position,
    k.paused OR k.seeding AS paused,
    k.pairs_complete,
    EXISTS (
        SELECT FROM ucrepl.parked AS p WHERE p.link_id = k.link_id AND p.skipped_at IS NULL
    ) AS has_parked,
    EXISTS (SELECT FROM ucrepl.applied_ahead AS a WHERE a.link_id = k.link_id) AS is_begun,
    pg_catalog.set_config('ucrepl.origin', %(origin)s, true) AS origin,
    pg_catalog.set_config('lock_timeout', %(lock_timeout)s, true) AS lock_timeout
FROM ucrepl.link AS k
WHERE k.link_id = %(link)s
FOR UPDATE OF k;
