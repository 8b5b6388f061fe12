-- send_signals: tells workers what is due. When it fails all of it stays due: they are told twice rather than never.
WITH taken AS (
    SELECT s.relation
    FROM ucrepl.signal AS s
    WHERE s.link_id = %(link)s AND s.due
    ORDER BY s.relation
    FOR UPDATE
),
sent AS (
    UPDATE ucrepl.signal AS s
    SET due = false, sent = s.sent + 1
    FROM taken AS t
    WHERE s.link_id = %(link)s AND s.relation = t.relation
)
SELECT t.relation, nextval(to_regclass(t.relation))
FROM taken AS t;
