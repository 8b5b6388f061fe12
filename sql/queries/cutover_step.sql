-- cutover_step: writes down that the step before has been taken, and that this one is about to be.
WITH ended AS (
    UPDATE ucrepl.cutover_step SET ended_at = pg_catalog.clock_timestamp()
    WHERE cutover_id = %(id)s AND ended_at IS NULL
)
INSERT INTO ucrepl.cutover_step (cutover_id, place, step)
SELECT %(id)s, coalesce(max(place), 0) + 1, %(step)s
FROM ucrepl.cutover_step
WHERE cutover_id = %(id)s;
