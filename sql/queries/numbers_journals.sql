-- numbers_journals: the journals with posted entries: how many these are, the number of the last one, and the ir.sequence
-- from which they are numbered (up to Odoo 13; {sequences} is an array of columns).
SELECT
    j.id,
    j.code::text AS code,
    {sequences} AS sequences,
    m.posted,
    (SELECT l.name::text FROM public.account_move AS l WHERE l.id = m.last_id) AS last_name
FROM public.account_journal AS j
JOIN (
    SELECT a.journal_id, count(*)::integer AS posted, max(a.id) AS last_id
    FROM public.account_move AS a
    WHERE a.state = 'posted'
    GROUP BY a.journal_id
) AS m ON m.journal_id = j.id
ORDER BY j.id;
