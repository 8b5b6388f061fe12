-- cutover_entries: the cut-overs that the node knows, the latest first; of one link, or only unfinished ones.
SELECT
    c.cutover_id,
    c.link,
    c.kind,
    c.options,
    c.outcome,
    c.report,
    c.began_at,
    c.ended_at,
    (
        SELECT s.step FROM ucrepl.cutover_step AS s WHERE s.cutover_id = c.cutover_id ORDER BY s.place DESC LIMIT 1
    ) AS step
FROM ucrepl.cutover AS c
WHERE (%(link)s::text IS NULL OR c.link = %(link)s) AND (NOT %(unfinished)s OR c.outcome IS NULL)
ORDER BY c.began_at DESC;
