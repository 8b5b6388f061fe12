-- cutover_end: writes down that the last step has been taken, how the cut-over ended, and its report.
WITH ended AS (
    UPDATE ucrepl.cutover_step SET ended_at = pg_catalog.clock_timestamp()
    WHERE cutover_id = %(id)s AND ended_at IS NULL
)
UPDATE ucrepl.cutover
SET outcome = %(outcome)s, report = %(report)s, ended_at = pg_catalog.clock_timestamp()
WHERE cutover_id = %(id)s;
