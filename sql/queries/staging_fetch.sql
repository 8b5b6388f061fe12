-- staging_fetch: the temporary table of a session that fetches records, besides those of replay.
--
-- asked  records that were asked for in this transaction, by the source's keys; round: in which they were; found: the source
--        has them, and they were staged
CREATE TEMPORARY TABLE asked (
    table_id integer NOT NULL,
    key text NOT NULL,
    round integer NOT NULL,
    found boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS;
