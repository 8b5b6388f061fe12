-- spent_part: whether a part of the journal's ring can be truncated: it is not the one that is being written, it holds
-- changes, and every one of them is visible in what each link has confirmed and in a tick that is older than the retention.
--
-- What is visible in a tick was committed before the tick was made. Only the index on xid is read, from the oldest
-- transaction that was running in such a snapshot on. Changes of transactions that are still open are seen by nobody:
-- these hold a lock on the part.
WITH age AS (
    SELECT t.snapshot
    FROM ucrepl.tick AS t
    WHERE t.at < now() - %(retention)s::interval
    ORDER BY t.before_xid DESC, t.oldest_xid DESC, t.running
    LIMIT 1
),
horizon AS (
    SELECT c.confirmed AS seen FROM ucrepl.consumer AS c
    UNION ALL
    SELECT a.snapshot FROM age AS a
)
SELECT
    ((s.last_value >> 20) & 3) <> %(part)s
    AND EXISTS (SELECT FROM age)
    AND EXISTS (SELECT FROM ucrepl.journal AS j WHERE ((j.seq >> 20) & 3) = %(part)s)
    AND NOT EXISTS (
        SELECT FROM horizon AS h
        WHERE (
            SELECT true
            FROM ucrepl.journal AS j
            WHERE ((j.seq >> 20) & 3) = %(part)s
                AND j.xid >= pg_catalog.pg_snapshot_xmin(h.seen)
                AND NOT pg_catalog.pg_visible_in_snapshot(j.xid, h.seen)
            ORDER BY j.xid DESC
            LIMIT 1
        )
    ) AS spent
FROM ucrepl.journal_seq AS s;
