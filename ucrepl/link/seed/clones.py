"""Pairs the rows of two clones of one database: `seed --same-ids`."""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.catalog import hstore_schema
from ucrepl.errors import RefusedError
from ucrepl.link.fetch import one_state
from ucrepl.link.inquire import Inquirer
from ucrepl.link.seed.stream import read
from ucrepl.link.setup import BEGINNING, OpenLink, open_link
from ucrepl.link.source import table_numbers
from ucrepl.packs import load_packs
from ucrepl.plan import clones, identify, rows
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

    Records that bear the same external id are paired first, whatever their ids are. `progress` is told each table and
    how many of its rows were paired. Both databases may be in use: what was inserted since `install` is left to the
    journal. Raises RefusedError, and pairs nothing, when rows with the same id differ in
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
    tables, refused = 0, list[str]()
    with source.transaction(), target.transaction():
        staging = _Staging(opened)
        pairs = staging.pair_named()
        for table in opened.plan.tables.values():
            if not table.surrogate:
                continue
            tables += 1
            if differing := staging.differing(table):
                if not table.on_demand:
                    refused.append(f"{table.name}: {differing[0]} rows, the first with id {differing[1]}")
                continue
            paired = target.execute(clones.pair(table, opened.plan.peer_id).encode()).rowcount
            progress(str(table.name), paired)
            pairs += paired
        if refused:
            raise RefusedError(
                f"rows of {link.source!r} and {link.target!r} have the same id and other keys in {'; '.join(refused)}",
                hint="--same-ids is for two clones of one database; leave a table out with a rule 'skip: true', make"
                f" the clone anew, or have records recognised whatever their ids are: ucrepl seed '{link.name}'",
            )
        target.execute("UPDATE ucrepl.link SET seeded_at = now() WHERE link_id = %s", [opened.link_id])
    target.execute("ANALYZE ucrepl.identity")
    return Seeded(link.name, tables, pairs)


def pair_alike(opened: OpenLink) -> int:
    """Pairs the records of both sides that are in no pair, as far as they are the same. Returns how many.

    A module was installed on both since they were seeded. They are recognised as when a link is seeded; then those with
    the same id are compared.
    """
    source, target, plan = opened.source.connection, opened.target, opened.plan
    surrogates = {number for number, table in plan.tables.items() if table.surrogate}
    with target.transaction():
        found = Inquirer(target, plan, opened.link_id, lambda: one_state(source)).look_at(surrogates)
    with source.transaction(), target.transaction():
        staging = _Staging(opened)
        for table in plan.tables.values():
            if table.surrogate and _has_unpaired(opened, table):
                staging.stage(table, content=True)
                found += target.execute(clones.pair(table, plan.peer_id, alike=True).encode()).rowcount
    return found


def give_own_ids(opened: OpenLink) -> int:
    """Gives a new id on the target to records whose id another record has there, both in no pair. Returns how many."""
    source, target, plan = opened.source.connection, opened.target, opened.plan
    with target.transaction():
        inquirer = Inquirer(target, plan, opened.link_id, lambda: one_state(source))
        given = 0
        for table in plan.tables.values():
            if table.surrogate and not table.protected_by and _has_unpaired(opened, table):
                keys = inquirer.unpaired(source, table)
                given += target.execute(clones.give_own_ids(plan, table).encode(), {"keys": keys}).rowcount
    return given


def _has_unpaired(opened: OpenLink, table: TablePlan) -> bool:
    row = opened.target.execute(identify.has_unpaired(opened.plan, table).encode()).fetchone()
    return bool(row and row[0])


class _Staging:
    """Stages the ids of a table and the features of its rows, of both sides, on the target. Transactions are open."""

    def __init__(self, opened: OpenLink) -> None:
        self._opened = opened
        self._source, self._target = opened.source.connection, opened.target
        self._source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._hstore = hstore_schema(self._source) or "ucrepl"
        self._names = opened.plan.tables.get(opened.plan.external_ids or 0)
        for name in ("source", "target"):
            self._target.execute(
                f"CREATE TEMPORARY TABLE seed_{name} (id bigint, named uuid, digest uuid, keys uuid, keyed uuid,"
                " content uuid, today bigint) ON COMMIT DROP".encode()
            )
        self._on_source, self._on_target = table_numbers(self._source), table_numbers(self._target)
        self._keys = load_packs().keys

    def pair_named(self) -> int:
        """Pairs the records that bear the same external id. Returns how many."""
        plan = self._opened.plan
        models = [(m.model, plan.tables[m.table]) for m in plan.models if m.table in plan.tables]
        if self._names is None or not models:
            return 0
        read(self._source, rows.named_records(self._names, self._hstore, models), {}).copy_into(
            self._target, "pg_temp.change", rows.COLUMNS
        )
        statement = identify.recognise_by_external_id(plan, self._names, all_there=True)
        found = self._target.execute(statement.encode()).rowcount
        self._target.execute("DELETE FROM pg_temp.change")
        return found

    def differing(self, table: TablePlan) -> tuple[int, int] | None:
        """How many rows with the same id are not the same record, and the first of their ids; None: all are."""
        for content in (False, True):  # all columns are looked at only where the others leave a doubt
            self.stage(table, content=content)
            statement = clones.differing(table, self._opened.plan.peer_id)
            [(count, first)] = self._target.execute(statement.encode()).fetchall()
            if not count:
                return None
        return count, first

    def stage(self, table: TablePlan, *, content: bool) -> None:
        """Stages the rows of a table. `content`: with a look at all columns."""
        keys = map(RecognitionKey.of, self._keys.get(str(table.name), []))
        models = (m.model for m in self._opened.plan.models if m.table == table.number)
        features = clones.Features.of(table, keys, models)
        number = self._on_source.get(table.name, 0)
        there = clones.rows(table, number, features, self._hstore, self._names, content=content)
        number, hstore = self._on_target[table.name], self._opened.plan.hstore_schema
        here = clones.rows(table, number, features, hstore, self._names, content=content)
        self._target.execute("TRUNCATE pg_temp.seed_source, pg_temp.seed_target")
        with (
            self._source.cursor() as reading,
            self._target.cursor() as writing,
            reading.copy(f"COPY ({there}) TO STDOUT (FORMAT binary)".encode()) as out,
            writing.copy(b"COPY pg_temp.seed_source FROM STDIN (FORMAT binary)") as into,
        ):
            for block in out:
                into.write(block)
        self._target.execute(f"INSERT INTO pg_temp.seed_target\n{here}".encode())
