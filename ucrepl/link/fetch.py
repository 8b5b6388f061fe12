"""Fetches records from the source to which changes refer and that are not here, with all that they need."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.seed.stream import read
from ucrepl.link.setup import OpenLink
from ucrepl.link.source import table_numbers
from ucrepl.plan import fetch, rows
from ucrepl.plan.model import LinkPlan, TablePlan


@contextmanager
def one_state(source: Connection[TupleRow]) -> Iterator[Connection[TupleRow]]:
    """The session, which sees one state of the source as long as it is held."""
    with source.transaction():
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield source


class Fetcher:
    """Stages, beside the changes in `pg_temp.change` of the target's session, the rows that these miss.

    `reading` gives a session of the source that sees one state of it while it is held. `follows`: changes of the
    fetched records that are in that state will come by the journal, and are to be left out.
    """

    def __init__(
        self,
        target: Connection[TupleRow],
        plan: LinkPlan,
        link_id: int,
        reading: Callable[[], AbstractContextManager[Connection[TupleRow]]],
        *,
        follows: bool,
    ) -> None:
        self.plan = plan
        self.follows = follows
        self._target = target
        self._link_id = link_id
        self._reading = reading
        self._round = 0
        self._models: dict[int, list[str]] = {}
        for model in plan.models:
            self._models.setdefault(model.table, []).append(model.model)
        self._statements: dict[tuple[int, bool], str | None] = {}

    def leave_out(self) -> int:
        """Drops the staged changes that are in rows which were fetched before. Returns how many."""
        return self._run(query("leave_out_fetched"), {"link": self._link_id}).rowcount

    def fetch(self, tables: Iterable[int]) -> bool:
        """Stages what the staged changes of these tables refer to, and is not here; returns whether there was any.

        What a fetched row refers to is fetched too, unless a rule says otherwise. A reference to a record that the
        source has no more becomes null where it may be null.
        """
        self._round += 1
        first = self._round
        touched = set(tables)
        if not self._ask(touched, fetched=False):
            return False
        with self._reading() as source:
            [(snapshot,)] = source.execute("SELECT pg_current_snapshot()::text").fetchall()
            numbers = table_numbers(source) if self.follows and self.plan.ships_pairs else {}
            while wanted := self._wanted(self._round) or self._ask_for_links(source, first):
                self._round += 1
                for number, keys in wanted.items():
                    table = self.plan.tables[number]
                    self._pull(source, table, keys, numbers.get(table.name))
                self._ask(wanted.keys(), fetched=True)
                touched |= wanted.keys()
        self._settle(first, snapshot, touched)
        return True

    def _ask(self, tables: Iterable[int], *, fetched: bool) -> int:
        """Asks for what changes of these tables, or the rows fetched last, refer to. Returns how many records."""
        asked = 0
        for number in tables:
            table = self.plan.tables[number]
            key = (number, fetched)
            if key not in self._statements:
                columns = [c for c in table.columns if (c.is_needed if fetched else c.fetches)]
                self._statements[key] = fetch.ask(self.plan, table, columns, fetched=fetched) if columns else None
            if statement := self._statements[key]:
                asked += self._run(statement, {"round": self._round, "link": self._link_id}).rowcount
        return asked

    def _wanted(self, since: int) -> dict[int, list[str]]:
        """The keys that were asked for in this round and later ones, by table."""
        return dict(
            self._run(
                "SELECT table_id, array_agg(key) FROM pg_temp.asked WHERE round >= %(since)s GROUP BY table_id",
                {"since": since},
            ).fetchall()
        )

    def _ask_for_links(self, source: Connection[TupleRow], first: int) -> dict[int, list[str]]:
        """Asks for the rows that link the fetched records to such as are here (many2many). Returns their keys."""
        fetched = self._wanted(first)
        statement = fetch.links(self.plan, fetched) if self.follows else None
        if statement is None:
            return {}
        found: dict[int, list[str]] = {}
        for number, key in source.execute(statement.encode(), {f"keys_{n}": keys for n, keys in fetched.items()}):
            found.setdefault(number, []).append(key)
        for number, keys in found.items():
            asking = fetch.ask_for_links(self.plan, self.plan.tables[number])
            self._run(asking, {"keys": keys, "round": self._round, "link": self._link_id})
        return self._wanted(self._round)

    def _pull(self, source: Connection[TupleRow], table: TablePlan, keys: list[str], journaled: int | None) -> None:
        """Stages these rows of a table, and asks for their external ids, by which they may be recognised.

        `journaled`: the table's number on the source, where both sides have to agree on what is later.
        """
        hstore = self.plan.source_hstore
        written = None if journaled is None else rows.written_since(hstore, journaled)
        select = rows.as_changes(table, hstore, written=written, chosen=True)
        taken = read(source, select, {"keys": keys, "position": self._position()})
        taken.copy_into(self._target, "pg_temp.change", rows.COLUMNS)
        names = self.plan.tables.get(self.plan.external_ids or 0)
        models = self._models.get(table.number)
        if names and models and self.follows:
            found = source.execute(fetch.names(names).encode(), {"models": models, "keys": keys}).fetchall()
            values = {"keys": [row[0] for row in found], "round": self._round, "link": self._link_id}
            self._run(fetch.ask_for_names(self.plan, names), values)

    def _position(self) -> str:
        [(position,)] = self._run(
            "SELECT position::text FROM ucrepl.link WHERE link_id = %(link)s", {"link": self._link_id}
        ).fetchall()
        return str(position)

    def _settle(self, first: int, snapshot: str, touched: Iterable[int]) -> None:
        """Sees to references to what the source has not, and to changes that are in the fetched rows already."""
        [(some_are_gone,)] = self._run(query("note_found"), {"first": first}).fetchall()
        if some_are_gone:
            for number in touched:
                if columns := fetch.can_be_null(self.plan.tables[number]):
                    self._run(fetch.null_gone(self.plan, self.plan.tables[number], columns))
            self._run("DELETE FROM pg_temp.asked WHERE NOT found")
        if self.follows:
            tables = list(self.plan.followed)
            values = {"first": first, "link": self._link_id, "snapshot": snapshot, "tables": tables}
            self._run(query("note_fetched"), values)

    def _run(self, statement: str, values: Mapping[str, object] | None = None) -> psycopg.Cursor[TupleRow]:
        return self._target.execute(statement.encode(), values, prepare=True)


def fetcher_of(opened: OpenLink, reading: Callable[[], AbstractContextManager[Connection[TupleRow]]]) -> Fetcher | None:
    """What fetches for an open link; None where no rule says so, and nothing was fetched under an older rule."""
    known = opened.target.execute(
        "SELECT EXISTS (SELECT FROM ucrepl.fetched WHERE link_id = %s)", [opened.link_id]
    ).fetchone()
    if not (opened.plan.fetches or (known and known[0])):
        return None
    return Fetcher(opened.target, opened.plan, opened.link_id, reading, follows=True)
