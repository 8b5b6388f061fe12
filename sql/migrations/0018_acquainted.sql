-- acquainted: of the tables whose rows are recognised only, those of which all records of the source are known here.
ALTER TABLE ucrepl.link ADD COLUMN acquainted integer[] NOT NULL DEFAULT '{}';
