-- staging_dry_run: temporary tables in the place of those of this schema that a seeding writes to.
--
-- identity  the pairs that there are and those that a seeding would make; found_by: by what a record was recognised, or
--           `new` where it would be made, `mentioned` where only its id would be handed out: these get ids far below zero
-- present   the keys of a table's rows on the source, or of those of a batch
UPDATE pg_temp.model SET ids = 'not given' WHERE ids <> 'never';
CREATE TEMPORARY SEQUENCE dry_run_seq;
ALTER TABLE pg_temp.change ALTER COLUMN seq SET DEFAULT -nextval('pg_temp.dry_run_seq');

CREATE TEMPORARY TABLE identity (
    LIKE ucrepl.identity INCLUDING INDEXES,
    found_by text NOT NULL DEFAULT current_setting('ucrepl.found_by')
);
CREATE TEMPORARY TABLE doubt (LIKE ucrepl.doubt INCLUDING INDEXES);
CREATE TEMPORARY TABLE postponed (LIKE ucrepl.postponed INCLUDING INDEXES) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE conflict (
    LIKE ucrepl.conflict INCLUDING DEFAULTS INCLUDING IDENTITY
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE present (key text PRIMARY KEY) ON COMMIT DELETE ROWS;
