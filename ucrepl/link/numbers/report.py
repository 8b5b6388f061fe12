"""What happens to document numbers when two nodes hand them out, and what the sound options are."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from psycopg import Connection, sql
from psycopg.rows import TupleRow, namedtuple_row

from ucrepl.config import Config
from ucrepl.db.sqlfiles import query
from ucrepl.link.numbers.owners import owners_of_records
from ucrepl.link.numbers.state import Numbering, has_sequences, is_ready, read_numbering
from ucrepl.plan.catalog import Catalog, TableName
from ucrepl.plan.numbers import JOURNALS, MOVES, RANGES, SEQUENCES

Kind = Literal["standard", "no_gap", "journal"]

OPTIONS: dict[Kind, str] = {
    "standard": "ucrepl numbers interleave, or ucrepl numbers prefix",
    "no_gap": "an owner under 'numbers.owners', or a sequence for each node",
    "journal": "an owner under 'numbers.owners', or a journal for each node, with a code of its own",
}
"""What keeps two writers from giving the same number."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """An ir.sequence, or a journal whose entries are posted.

    `used_by`: what refers to the sequence, and how many records of it do; `documents`: how many these are, or how many
    entries are posted. `safe`: two writers never give the same number. `kept_apart` says by what.
    """

    node: str
    kind: Kind
    id: int
    name: str
    prefix: str | None
    date_ranges: int
    used_by: str
    documents: int
    kept_apart: str
    safe: bool
    two_writers: str

    @property
    def options(self) -> str:
        """What can be done about it; empty where nothing is to be done."""
        return "" if self.safe else OPTIONS[self.kind]

    def as_dict(self) -> dict[str, object]:
        """The fields for `--json`."""
        return {**asdict(self), "options": self.options}


def report(config: Config, node: str, connection: Connection[TupleRow], catalog: Catalog) -> list[Numbered]:
    """All of a node, what is used most first; empty where it is no Odoo. ucrepl need not be installed there."""
    if not has_sequences(catalog):
        return []
    numbering = read_numbering(connection) if is_ready(connection) else None
    owners = owners_of_records(config, connection)
    found = [*_sequences(config, node, connection, catalog, numbering, owners)]
    found += _journals(config, node, connection, catalog, owners)
    return sorted(found, key=lambda one: (one.kind, one.safe, -one.documents, one.id))


Owners = dict[tuple[str, int | None], str]


def _sequences(
    config: Config,
    node: str,
    connection: Connection[TupleRow],
    catalog: Catalog,
    numbering: Numbering | None,
    owners: Owners,
) -> Iterator[Numbered]:
    users = _users(connection, catalog)
    for row in _ask(connection, query("numbers_sequences" if RANGES in catalog.tables else "numbers_sequences_plain")):
        used = users.get(row.id, {})
        if row.implementation == "standard":
            kept, safe, text = _of_standard(numbering, by_date=bool(row.use_date_range))
        else:
            kept, safe, text = _of_owner(config, owners, SEQUENCES, row.id)
        yield Numbered(
            node=node,
            kind="standard" if row.implementation == "standard" else "no_gap",
            id=row.id,
            name=row.name,
            prefix=row.prefix,
            date_ranges=row.date_ranges,
            used_by=", ".join(f"{column} ({count})" for column, count in sorted(used.items())),
            documents=sum(used.values()),
            kept_apart=kept,
            safe=safe,
            two_writers=text,
        )


def _journals(
    config: Config, node: str, connection: Connection[TupleRow], catalog: Catalog, owners: Owners
) -> Iterator[Numbered]:
    journals, moves = catalog.tables.get(JOURNALS), catalog.tables.get(MOVES)
    if journals is None or moves is None or not moves.columns.keys() >= {"journal_id", "state", "name"}:
        return
    by_sequence = [name for name in ("sequence_id", "refund_sequence_id") if name in journals.columns]
    listed = sql.SQL(", ").join(map(sql.Identifier, by_sequence))
    statement = sql.SQL(query("numbers_journals")).format(sequences=sql.SQL("ARRAY[{}]::integer[]").format(listed))
    for row in _ask(connection, statement):
        kept, safe, text = _of_owner(config, owners, JOURNALS, row.id)
        numbers = ", ".join(f"ir_sequence {number}" for number in row.sequences if number)
        yield Numbered(
            node=node,
            kind="journal",
            id=row.id,
            name=row.code,
            prefix=row.last_name,
            date_ranges=0,
            used_by=numbers or ("" if by_sequence else "the entry that was posted last"),
            documents=row.posted,
            kept_apart=kept,
            safe=safe,
            two_writers=text,
        )


def _of_standard(numbering: Numbering | None, *, by_date: bool) -> tuple[str, bool, str]:
    """By what it is kept apart, whether that is safe, and what happens with two writers."""
    if numbering is None:
        return "", False, "both give the same numbers"
    if numbering.way == "prefix":
        return str(numbering), True, "the same numbers with other prefixes"
    text = "other numbers"
    if by_date:
        text += "; but the first one of a date range that both begin before they hear of each other"
    return str(numbering), True, text


def _of_owner(config: Config, owners: Owners, table: TableName, record: int) -> tuple[str, bool, str]:
    owner = owners.get((table.table, record)) or owners.get((table.table, None))
    if owner is None:
        return "", False, "both give the same numbers; of two documents with one number the second is parked"
    if config.numbers.elsewhere == "refuse":
        return f"owner {owner!r}", True, f"given on {owner!r} only, refused elsewhere"
    return f"owner {owner!r}", True, f"to be given on {owner!r} only, noted elsewhere"


def _users(connection: Connection[TupleRow], catalog: Catalog) -> dict[int, dict[str, int]]:
    """The id of an ir.sequence -> the columns that refer to it, with how many records of each do."""
    statements = [
        sql.SQL("SELECT {column}::integer AS id, {label} AS label, count(*) AS records FROM {table} GROUP BY 1").format(
            column=sql.Identifier(fk.columns[0]),
            label=f"{table.name}.{fk.columns[0]}",
            table=sql.Identifier(*table.name),
        )
        for table in catalog.tables.values()
        for fk in table.foreign_keys
        if fk.table == SEQUENCES and len(fk.columns) == 1 and table.name != RANGES
    ]
    found: dict[int, dict[str, int]] = {}
    if statements:
        for row in _ask(connection, sql.SQL(" UNION ALL ").join(statements)):
            if row.id is not None:
                found.setdefault(row.id, {})[row.label] = row.records
    return found


def _ask(connection: Connection[TupleRow], statement: Any) -> list[Any]:  # noqa: ANN401 - SQL in, named tuples out
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(statement).fetchall()
