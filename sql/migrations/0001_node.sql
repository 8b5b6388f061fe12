-- The node: who this database is, and the names of tables that it knows.

CREATE TABLE ucrepl.node (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    uuid uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    name text NOT NULL UNIQUE,
    system_identifier bigint NOT NULL,
    database_oid oid NOT NULL,
    purged_xid xid8,
    installed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

COMMENT ON COLUMN ucrepl.node.purged_xid IS
'The last transaction of which changes have been purged from the journal: a link that has not seen it has lost some.';

COMMENT ON TABLE ucrepl.node IS
'One row: the identity of this node. A restored or cloned database is recognised because the server or the database is another one than the row says.';

-- A dictionary of table names, of this node and of its peers: a number survives dump and restore, an oid does not.
CREATE TABLE ucrepl.table_name (
    table_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schema_name name NOT NULL,
    table_name name NOT NULL,
    UNIQUE (schema_name, table_name)
);

CREATE TABLE ucrepl.tracked_table (
    table_id integer PRIMARY KEY REFERENCES ucrepl.table_name,
    key_columns name[] NOT NULL,
    tracked_since timestamptz NOT NULL DEFAULT pg_catalog.now()
);

COMMENT ON TABLE ucrepl.tracked_table IS
'The tables of this node whose changes are captured, with the columns that identify a row.';
