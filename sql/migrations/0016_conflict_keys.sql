-- A conflict can be about one key of a column: `name[fr_FR]` may be longer than a name.

ALTER TABLE ucrepl.conflict ALTER COLUMN column_name TYPE text;
