-- staging_seed: the temporary table of a session that copies rows, besides those of replay.
--
-- forward  references of copied rows to records that are not here yet
CREATE TEMPORARY TABLE forward (
    seq bigint NOT NULL,
    table_id integer NOT NULL,
    key text NOT NULL,
    column_name name NOT NULL,
    referred integer NOT NULL,
    value text NOT NULL,
    can_wait boolean NOT NULL
) ON COMMIT DELETE ROWS;
