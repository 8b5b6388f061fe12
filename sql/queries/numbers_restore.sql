-- numbers_restore: gives the rows of ir_sequence back what they had before they were set apart, and forgets that they were.
--
-- What somebody has changed since stays as he wants it.
WITH apart AS (
    DELETE FROM ucrepl.numbering RETURNING way, slots, prefix
),
before AS (
    DELETE FROM ucrepl.numbered_sequence RETURNING sequence_id, number_increment, prefix
)
UPDATE public.ir_sequence AS s
SET
    number_increment = CASE
        WHEN a.way = 'interleave' AND s.number_increment = a.slots THEN b.number_increment
        ELSE s.number_increment
    END,
    prefix = CASE WHEN a.way = 'prefix' AND s.prefix = concat(a.prefix, b.prefix) THEN b.prefix ELSE s.prefix END
FROM before AS b
CROSS JOIN apart AS a
WHERE s.id = b.sequence_id;
