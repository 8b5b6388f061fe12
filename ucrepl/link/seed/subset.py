"""Copies a part of the source: rows that were asked for, what belongs to them, and all that they refer to.

A copy for once: the position of the link stays where it is, and no replay follows from it. Run again it merges.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.catalog import read_catalog
from ucrepl.errors import ConfigError, RefusedError, UsageError
from ucrepl.link.lock import held
from ucrepl.link.nodes import Nodes
from ucrepl.link.seed import state
from ucrepl.link.seed.copy import Copier
from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.recognise import Recogniser
from ucrepl.link.seed.run import Seeded, Told, take_pairs
from ucrepl.link.seed.scope import table_named
from ucrepl.link.seed.snapshot import Snapshot
from ucrepl.link.seed.stage import Origin
from ucrepl.link.setup import OpenLink, open_link
from ucrepl.link.source import table_numbers
from ucrepl.plan.closure import CHOSEN, Closure
from ucrepl.plan.model import LinkPlan, TablePlan


@dataclass(frozen=True, slots=True)
class Wish:
    """Rows that were asked for: those of a table for which a condition is true."""

    table: str
    condition: str

    @classmethod
    def of(cls, text: str) -> "Wish":
        """Reads `TABLE: EXPRESSION`. Raises UsageError."""
        table, colon, condition = text.partition(":")
        if not (colon and table.strip() and condition.strip()):
            message = f"{text!r} does not say of which table which rows"
            raise UsageError(message, "write it as: --where \"sale_order: date_order > now() - interval '30 days'\"")
        return cls(table.strip(), condition.strip())


def copy_subset(config: Config, link: Link, nodes: Nodes, wishes: Sequence[Wish], told: Told | None = None) -> Seeded:
    """Brings the rows that were asked for to the target, with their closure.

    Raises UsageError for a wish that can't be; RefusedError while a daemon holds the link, or a seeding of it is not
    finished; and what `open_link` raises.
    """
    told = told or Told()
    source, target = nodes.another(link.source), nodes.another(link.target)
    opened = open_link(config, link, source, target)
    if state.link_state(target, opened.link_id).seeding:
        raise RefusedError(
            f"link {link.name!r} is being seeded as a whole", hint=f"finish that first: ucrepl seed '{link.name}'"
        )
    closure = Closure(opened.plan, read_catalog(source))
    starts = [_start(closure, wish) for wish in wishes]
    with held(target, opened.link_id, link.name):
        told.phase("choosing rows")
        take_pairs(link, opened)
        source.close()
        snapshot = Snapshot(nodes, link.source, closure.source.hstore_schema)
        reader = snapshot.reader(CHOSEN)
        for wish, statement in zip(wishes, starts, strict=True):
            _choose(reader, wish, statement)
        complete(reader, closure)
        lane = Lane(link, opened.plan, opened.link_id, target, (reader, snapshot.reader()))
        return _copy(link, opened, lane, closure, told)


def complete(reader: Connection[TupleRow], closure: Closure) -> None:
    """Chooses what belongs to the rows in `pg_temp.chosen`, and all to which they refer, until nothing is new."""
    number = 0
    while True:
        found = reader.execute(
            "SELECT table_id, bool_or(whole) FROM pg_temp.chosen WHERE round = %s GROUP BY table_id", [number]
        ).fetchall()
        reader.execute("ANALYZE pg_temp.chosen")
        if found:
            for table_id, whole in found:
                _follow(reader, closure, closure.link.tables[table_id], number, whole=whole)
        elif not sum(reader.execute(statement.encode()).rowcount for statement in closure.links(number)):
            return
        number += 1


def _follow(reader: Connection[TupleRow], closure: Closure, table: TablePlan, number: int, *, whole: bool) -> None:
    """Chooses what the rows of a table need that a round has found."""
    statements = [closure.references(table, number)]
    if mentions := closure.mentions(table, number):
        reader.execute("DELETE FROM pg_temp.mentioned")
        reader.execute(mentions.encode())
        models = [row[0] for row in reader.execute("SELECT DISTINCT model FROM pg_temp.mentioned").fetchall()]
        statements.append(closure.mentioned(table, models, number))
    if whole:
        statements.append(closure.belongings(table, number))
    for statement in statements:
        if statement:
            reader.execute(statement.encode())


def _start(closure: Closure, wish: Wish) -> str:
    table = table_named(closure.link, wish.table)
    try:
        return closure.start(table, wish.condition)
    except ConfigError as error:
        message = f"rows of {wish.table!r} can't be chosen: {error.message}"
        raise UsageError(message, error.hint) from None


def _choose(reader: Connection[TupleRow], wish: Wish, statement: str) -> None:
    try:
        reader.execute(statement.encode())
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        message = f"rows of {wish.table!r} can't be chosen by {wish.condition!r}: {error.diag.message_primary}"
        raise UsageError(message, "write a condition that is true for the rows to copy") from None


def _copy(link: Link, opened: OpenLink, lane: Lane, closure: Closure, told: Told) -> Seeded:
    plan, target = opened.plan, opened.target
    origin = _origin(plan, lane.reader, closure.source.hstore_schema)
    groups = list(plan.ordered(origin.rows))
    seeded = Seeded(link.name, tables=len(origin.rows))
    _forget(target, opened.link_id)
    told.phase("recognising")
    protected = {plan.by_name[name].number for name in plan.protected}
    seeded.paired = Recogniser(lane, origin).recognise_all(origin.rows.keys() | protected)
    told.phase("copying")
    done: dict[int, int] = {}

    def tell(table: TablePlan, count: int) -> None:
        done[table.number] = done.get(table.number, 0) + count
        told.rows(str(table.name), done[table.number], origin.rows[table.number])

    copier = Copier((lane,), origin, tell)
    for group in groups:
        copier.copy(group)
    copier.fill_in()
    _forget(target, opened.link_id)
    target.execute("ANALYZE ucrepl.identity")
    applied = copier.copied.applied
    return replace(seeded, rows=sum(done.values()), parked=applied.parked, conflicts=applied.conflicts)


def _forget(target: Connection[TupleRow], link_id: int) -> None:
    """Forgets what an interrupted copy has left to do: its rows are read again."""
    with target.transaction():
        target.execute("DELETE FROM ucrepl.postponed WHERE link_id = %s", [link_id])
        target.execute("DELETE FROM ucrepl.doubt WHERE link_id = %s", [link_id])


def _origin(plan: LinkPlan, reader: Connection[TupleRow], hstore: str) -> Origin:
    rows: dict[int, int] = dict(
        reader.execute("SELECT table_id, count(*) FROM pg_temp.chosen GROUP BY table_id").fetchall()
    )
    on_source = table_numbers(reader)
    written = reader.execute("SELECT DISTINCT table_id FROM pg_temp.written").fetchall()
    return Origin(
        hstore=hstore,
        numbers={number: on_source[plan.tables[number].name] for number in rows},
        sizes=rows,
        rows=rows,
        written=frozenset(row[0] for row in written),
        subset=True,
    )
