-- Totals: tables of which an update is recorded with the whole row as it was.

ALTER TABLE ucrepl.table_name ADD COLUMN totals boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN ucrepl.table_name.totals IS
'Its rows are totals, of which links send differences: by how much which combination of values has changed.';
