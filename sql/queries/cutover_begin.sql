-- cutover_begin: writes down that a cut-over begins.
INSERT INTO ucrepl.cutover (cutover_id, link, kind, options)
VALUES (%(id)s, %(link)s, %(kind)s, %(options)s);
