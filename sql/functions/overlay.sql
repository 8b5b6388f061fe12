-- ucrepl.overlay(hstore), aggregate
--
-- Purpose:    lays row images over each other; of a column the last value stays. Use it with ORDER BY.
-- Parameters: an image, may be null.
-- Returns:    hstore, null when all are null.
-- Reads, writes: nothing.
CREATE OR REPLACE AGGREGATE ucrepl.overlay(@hstore@.hstore) (
    SFUNC = @hstore@.hs_concat,
    STYPE = @hstore@.hstore
);
