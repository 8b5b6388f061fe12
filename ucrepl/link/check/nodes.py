"""The checks of a single node."""

from collections.abc import Iterator
from typing import LiteralString, cast

from psycopg import sql

from ucrepl.link.check.facts import NodeFacts, identifier
from ucrepl.link.check.finding import Finding, Severity
from ucrepl.link.ids.sequences import Slot, counts, id_sequences
from ucrepl.link.words import counted, listed
from ucrepl.plan.catalog import Table, TableName


def server(node: NodeFacts) -> Iterator[Finding]:
    """A node must be a server that one can write to."""
    if node.server.standby:
        yield _error(node, "server", "the server is a standby, which can't be written to", "name the primary in 'dsn'")
    elif node.server.read_only:
        remedy = f"ALTER ROLE {node.server.role} RESET default_transaction_read_only; or the same for the database"
        yield _error(node, "server", "transactions of this role are read-only (default_transaction_read_only)", remedy)
    if not node.server.may_identify:
        remedy = f"GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO {node.server.role}"
        yield _error(node, "privileges", "the role may not ask which server it is on (pg_control_system)", remedy)


def hstore(node: NodeFacts) -> Iterator[Finding]:
    """The extension hstore must be there, or such that it can be installed."""
    if node.server.has_hstore:
        return
    if node.server.hstore_available and node.server.may_add_hstore:
        message = "the extension 'hstore' is not in the database: `install` puts it into the schema 'ucrepl'"
        remedy = "nothing; if other programs are to use it, too: CREATE EXTENSION hstore SCHEMA public"
        yield _finding(node, "note", "hstore", message, remedy)
    if not node.server.hstore_available:
        remedy = "install PostgreSQL's contrib modules on the server (Debian: the package postgresql-contrib)"
        yield _error(node, "hstore", "the extension 'hstore' is not on the server", remedy)
    elif not node.server.may_add_hstore:
        remedy = "as a superuser: CREATE EXTENSION hstore"
        yield _error(node, "hstore", f"the role {node.server.role!r} may not create the extension 'hstore'", remedy)


def installed(node: NodeFacts) -> Iterator[Finding]:
    """The schema must be there, ours, of this version, and in the database in which it was installed."""
    if node.server.foreign_owner is not None:
        owner, role = node.server.foreign_owner, node.server.role
        message = f"the schema 'ucrepl' belongs to {owner!r}, and the role {role!r} is no member of it"
        remedy = f"name {owner} as 'user' in 'dsn', or GRANT {owner} TO {role}"
        yield _error(node, "installed", message, remedy)
    elif node.version is None:
        yield _error(node, "installed", "ucrepl is not installed", f"run: ucrepl install {node.name}")
    elif node.refused:
        yield _error(node, "installed", node.refused.message, node.refused.hint or "")


def rights_to_install(node: NodeFacts) -> Iterator[Finding]:
    """What an installation would need and has not."""
    role = node.server.role
    if node.version is None and node.server.foreign_owner is None and not node.server.may_create:
        remedy = f"GRANT CREATE ON DATABASE {node.server.database} TO {role}"
        yield _error(node, "privileges", f"the role {role!r} may not create the schema 'ucrepl'", remedy)
    keyed = [table.name for table in node.catalog.tables.values() if table.key]
    new = [name for name in keyed if node.version is None or node.drift.get(name) == "missing"]
    for right, names in _lacking(node, new, ["USAGE", "TRIGGER"]).items():
        message = f"the role {role!r} lacks {right} on the {'schema of ' * (right == 'USAGE')}{_tables(names)}"
        what = "USAGE ON SCHEMA" if right == "USAGE" else "TRIGGER ON"
        yield _error(node, "privileges", message, f"GRANT {what} … TO {role}, or name the owner as 'user' in 'dsn'")
    for names in _lacking(node, keyed, ["OWNER"]).values():
        message = f"the role {role!r} does not own {_tables(names)}: it could not take the triggers off again"
        yield _finding(node, "warning", "privileges", message, f"GRANT the tables' owner TO {role}")


def triggers(node: NodeFacts) -> Iterator[Finding]:
    """Changes of a table are captured only by triggers that are there, enabled, and made for its key."""
    ways = {
        "missing": "without triggers",
        "disabled": "with disabled triggers",
        "other": "with triggers made for another key",
    }
    for way, words in ways.items():
        names = [name for name, found in node.drift.items() if found == way]
        lost = [name for name in names if not node.left_out(name)]
        remedy = f"run: ucrepl install {node.name}"
        if lost:
            yield _error(node, "triggers", f"changes are not captured: {_tables(lost, words)}", remedy)
        rest = [name for name in names if name not in lost]
        if rest:
            message = f"{_tables(rest, words)}; no link needs their changes now"
            yield _finding(node, "note", "triggers", message, remedy)


def marks(node: NodeFacts) -> Iterator[Finding]:
    """Sessions that begin as if they replayed are captured only where their role is no member of the owner."""
    for row in node.ask("check_marks"):
        message = f"sessions of {row.whose} begin with the setting 'ucrepl.origin': their changes may not be captured"
        yield _finding(node, "warning", "marks", message, row.remedy)


def keys(node: NodeFacts) -> Iterator[Finding]:
    """A table without a key can't be replicated."""
    names = {t.name for t in node.catalog.tables.values() if not t.key and not node.left_out(t.name)}
    deferrable = names & {TableName(*row) for row in node.ask("check_deferrable_keys")} if names else set()
    for without, words, mends in (
        (
            names - deferrable,
            "without a key",
            "give them a primary key, or a unique index over columns that are NOT NULL",
        ),
        (deferrable, "whose key is DEFERRABLE", "make the key again without DEFERRABLE"),
    ):
        if without:
            message = f"changes are not captured: {_tables(sorted(without), words)}"
            remedy = f"{mends}, and run: ucrepl install {node.name}; or leave them out with a rule 'skip: true'"
            yield _finding(node, "warning", "keys", message, remedy)


def row_security(node: NodeFacts) -> Iterator[Finding]:
    """Rows that row level security hides are neither copied nor compared."""
    names = [table.name for table in node.catalog.tables.values() if not node.left_out(table.name)]
    for hidden in _lacking(node, names, ["RLS"]).values():
        message = f"row level security hides rows of {_tables(hidden)} from the role {node.server.role!r}"
        remedy = f"ALTER ROLE {node.server.role} BYPASSRLS, or name the tables' owner in 'dsn'"
        yield _error(node, "privileges", message, remedy)


def clients(node: NodeFacts) -> Iterator[Finding]:
    """What is written between the making of a clone and the installation is in no journal."""
    if node.version is not None:
        return
    rows = node.ask("check_clients")
    if rows:
        sessions = counted(sum(row.sessions for row in rows), "session")
        message = f"{sessions} at work before ucrepl is installed ({listed([row.client for row in rows])})"
        remedy = (
            "if the nodes are clones stop Odoo on both until `install` is done: what is written before that is on one"
            " side only"
        )
        yield _finding(node, "warning", "clients", message, remedy)


def sequences(node: NodeFacts) -> Iterator[Finding]:
    """A sequence that is behind the greatest id, of those that it hands out, hands out ids that are taken."""
    tables = [table for table in node.catalog.tables.values() if table.sequence]
    behind: dict[str, int] = {}
    statements = [_greatest_id_beyond(n, table, node.slot) for n, table in enumerate(tables)]
    for number, greatest in node.ask_each(statements):
        name = tables[number].sequence or ""
        behind[name] = max(greatest, behind.get(name, 0))
    for name, greatest in behind.items():
        message = f"the sequence {name} is behind the greatest id {greatest}: new records would get ids that are taken"
        remedy = sql.SQL("SELECT pg_catalog.setval({}, {})").format(name, greatest).as_string(node.connection)
        yield _finding(node, "warning", "sequences", message, remedy)


def slots(node: NodeFacts) -> Iterator[Finding]:
    """A sequence that does not keep to the node's slot hands out ids of other nodes."""
    if node.slot is None:
        return
    found = [count for count in counts(node.connection, id_sequences(node.catalog)) if not count.fits(node.slot)]
    if found:
        names = listed([count.sequence for count in found])
        message = f"{counted(len(found), 'sequence')} may hand out ids of other nodes: {names}"
        yield _finding(node, "warning", "ids", message, "run: ucrepl ids share; a running daemon does it, too")


def readers(node: NodeFacts) -> Iterator[Finding]:
    """The journal keeps what a link has not read, also of a link that is no more."""
    if node.identity is None:
        return
    known = {link.name for link in node.outgoing}
    for (link,) in node.connection.execute("SELECT link FROM ucrepl.consumer ORDER BY link").fetchall():
        if link not in known:
            remedy = sql.SQL(
                "put the link back into the configuration, or: DELETE FROM ucrepl.consumer WHERE link = {}"
            )
            yield _finding(
                node,
                "warning",
                "readers",
                f"the journal is kept for the link {link!r}, which is not in the configuration, and grows",
                remedy.format(link).as_string(node.connection),
            )


def unlinked(node: NodeFacts) -> Iterator[Finding]:
    """A node that is in no link is hardly what was meant."""
    if not any(node.name in (link.source, link.target) for link in node.config.links):
        yield _finding(node, "note", "links", "the node is in no link", "add one under 'links' in the configuration")


NODE_CHECKS = (
    *(server, hstore, installed, rights_to_install, clients, triggers, marks, keys, row_security, sequences, slots),
    *(readers, unlinked),
)


def _greatest_id_beyond(number: int, table: Table, slot: Slot | None) -> sql.Composed:
    own = (
        sql.SQL(" WHERE {} % {} = {}").format(sql.Identifier(table.key[0]), slot.slots, slot.slot)
        if slot
        else sql.SQL("")
    )
    return sql.SQL(
        "SELECT {number}, m.greatest"
        " FROM (SELECT max({column})::bigint AS greatest FROM {table}{own}) AS m"
        " CROSS JOIN {sequence} AS s"
        " JOIN pg_catalog.pg_sequence AS p ON p.seqrelid = s.tableoid"
        " WHERE p.seqincrement > 0 AND (s.last_value < m.greatest OR (s.last_value = m.greatest AND NOT s.is_called))"
    ).format(
        number=number,
        column=sql.Identifier(table.key[0]),
        table=identifier(table.name),
        own=own,
        sequence=sql.SQL(cast("LiteralString", table.sequence)),
    )


def _lacking(node: NodeFacts, names: list[TableName], rights: list[str]) -> dict[str, list[TableName]]:
    found: dict[str, list[TableName]] = {}
    values = {"schemas": [n.schema for n in names], "tables": [n.table for n in names], "rights": rights}
    for right, schema, table in node.ask("check_rights", **values):
        found.setdefault(right, []).append(TableName(schema, table))
    return found


def _tables(names: list[TableName], words: str = "") -> str:
    between = f" {words}" if words else ""
    return f"{counted(len(names), 'table')}{between} ({listed([str(name) for name in names])})"


def _error(node: NodeFacts, check: str, message: str, remedy: str) -> Finding:
    return _finding(node, "error", check, message, remedy)


def _finding(node: NodeFacts, severity: Severity, check: str, message: str, remedy: str) -> Finding:
    return Finding(severity, check, message, remedy, node=node.name)
