"""Pairs the rows of two clones of one database: `seed --same-ids`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.catalog import hstore_schema
from ucrepl.errors import RefusedError
from ucrepl.link.setup import BEGINNING, OpenLink, open_link
from ucrepl.link.source import table_numbers
from ucrepl.packs import load_packs
from ucrepl.plan import clones
from ucrepl.plan.model import RecognitionKey, TablePlan


@dataclass(frozen=True, slots=True)
class Seeded:
    """What seeding a link did: tables looked at and rows paired; none when it had been seeded before."""

    link: str
    tables: int
    pairs: int
    already: bool = False


def seed_same_ids(
    config: Config,
    link: Link,
    source: Connection[TupleRow],
    target: Connection[TupleRow],
    *,
    progress: Callable[[str, int], None] = lambda _table, _pairs: None,
) -> Seeded:
    """Pairs all rows that have the same id on both sides, in one transaction on the target.

    `progress` is told each table and how many of its rows were paired. Both databases may be in use: what was inserted
    since `install` is left to the journal. Raises RefusedError, and pairs nothing, when rows with the same id differ in
    their keys, or when the link has been replayed before.
    """
    opened = open_link(config, link, source, target, pairing=True)
    row = target.execute(
        "SELECT seeded_at, position::text FROM ucrepl.link WHERE link_id = %s", [opened.link_id]
    ).fetchone()
    if row and row[0]:
        return Seeded(link.name, 0, 0, already=True)
    if row and row[1] != BEGINNING:
        raise RefusedError(
            f"link {link.name!r} has been replayed already: ids may have been handed out twice since then",
            hint="seed before the first run; to start afresh: ucrepl uninstall --force, then install and seed",
        )
    pairs, tables, refused = 0, 0, []
    with source.transaction(), target.transaction():
        for table in _staged(opened, lambda _table: True):
            tables += 1
            found = target.execute(clones.differing().encode()).fetchone()
            if found and found[0]:
                if not table.on_demand:
                    refused.append(f"{table.name}: {found[0]} rows, the first with id {found[1]}")
                continue
            paired = target.execute(clones.pair(table, opened.plan.peer_id).encode()).rowcount
            progress(str(table.name), paired)
            pairs += paired
        if refused:
            raise RefusedError(
                f"rows of {link.source!r} and {link.target!r} have the same id and other keys in {'; '.join(refused)}",
                hint="--same-ids is for two clones of one database; leave a table out with a rule 'skip: true', or make"
                " the clone anew",
            )
        target.execute("UPDATE ucrepl.link SET seeded_at = now() WHERE link_id = %s", [opened.link_id])
    target.execute("ANALYZE ucrepl.identity")
    return Seeded(link.name, tables, pairs)


def pair_alike(opened: OpenLink) -> int:
    """Pairs the rows that have the same id and the same keys on both sides, and are in no pair. Returns how many.

    Such rows are in tables that both sides have been given since they were seeded: a module was installed on them.
    """
    target, peer_id = opened.target, opened.plan.peer_id

    def has_unpaired(table: TablePlan) -> bool:
        row = target.execute(f"SELECT EXISTS ({clones.unpaired(table, peer_id)})".encode()).fetchone()
        return bool(row and row[0])

    with opened.source.connection.transaction(), target.transaction():
        tables = _staged(opened, has_unpaired)
        return sum(target.execute(clones.pair(table, peer_id, alike=True).encode()).rowcount for table in tables)


def _staged(opened: OpenLink, wanted: Callable[[TablePlan], bool]) -> Iterator[TablePlan]:
    """The tables that are wanted, one after the other, each with its ids and keys of both sides staged on the target.

    A transaction must be open on either side.
    """
    source, target, packs = opened.source.connection, opened.target, load_packs()
    source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    for name in ("source", "target"):
        target.execute(
            f"CREATE TEMPORARY TABLE seed_{name} (id bigint, digest uuid, today bigint) ON COMMIT DROP".encode()
        )
    on_source, on_target = table_numbers(source), table_numbers(target)
    for table in opened.plan.tables.values():
        if table.surrogate and wanted(table):
            columns = clones.key_columns(table, map(RecognitionKey.of, packs.keys.get(str(table.name), [])))
            _stage(opened, table, columns, on_source.get(table.name, 0), on_target[table.name])
            yield table


def _stage(opened: OpenLink, table: TablePlan, columns: Sequence[str], source_number: int, target_number: int) -> None:
    target = opened.target
    target.execute("TRUNCATE pg_temp.seed_source, pg_temp.seed_target")
    text = clones.rows(table, source_number, columns, hstore_schema(opened.source.connection) or "ucrepl")
    with (
        opened.source.connection.cursor() as reading,
        target.cursor() as writing,
        reading.copy(f"COPY ({text}) TO STDOUT (FORMAT binary)".encode()) as out,
        writing.copy(b"COPY pg_temp.seed_source FROM STDIN (FORMAT binary)") as into,
    ):
        for block in out:
            into.write(block)
    text = clones.rows(table, target_number, columns, opened.plan.hstore_schema)
    target.execute(f"INSERT INTO pg_temp.seed_target\n{text}".encode())
