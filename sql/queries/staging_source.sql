-- staging_source: the temporary table of a session that reads changes.
--
-- blank  for each replicated table, by its number here, the image of a row of nulls
CREATE TEMPORARY TABLE blank (
    table_id integer PRIMARY KEY,
    image @hstore@.hstore NOT NULL
);
