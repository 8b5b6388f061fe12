"""Asks the source who the records are of which changes speak and that are in no pair, and looks for them here.

A record that rules only let be recognised is no change that one could wait for: it may be made here before or after the
source has made it (a group that a module brings). So it is looked for when it arrives, when a change refers to it, and
when the link is opened. Other records are asked for where a batch has failed, or would park changes of them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Self

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.seed.stream import read
from ucrepl.link.staged import Staged
from ucrepl.plan import identify, rows
from ucrepl.plan.model import ROUNDS, ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.text import quote

Reading = Callable[[], AbstractContextManager[Connection[TupleRow]]]
"""Gives a session of the source that sees one state of it while it is held."""


@dataclass
class References:
    """Columns that refer to records, as the query `unknown_records` takes them."""

    tables: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    models: list[str | None] = field(default_factory=list)
    referred: list[int | None] = field(default_factory=list)
    spaces: list[int | None] = field(default_factory=list)

    @classmethod
    def of(cls, plan: LinkPlan, columns: Iterable[tuple[TablePlan, ColumnPlan]]) -> Self:
        """Those of these columns."""
        found = cls()
        for table, column in columns:
            referred = plan.by_name[column.refers_to] if column.refers_to else None
            is_in_key = len(table.table.key) > 1 and column.name in table.table.key
            found.tables.append(table.number)
            found.names.append(column.name)
            found.places.append(table.table.key.index(column.name) + 1 if is_in_key else 0)
            found.models.append(column.model_column)
            found.referred.append(referred.number if referred else None)
            found.spaces.append(referred.space if referred else None)
        return found


class Inquirer:
    """Pairs records of the source that are in no pair, in the transaction that is open on the target.

    `strangers`: the tables whose rows are recognised only, and of which the source has records that are not known here.
    """

    def __init__(self, target: Connection[TupleRow], plan: LinkPlan, link_id: int, reading: Reading) -> None:
        self._target = target
        self._plan = plan
        self._link_id = link_id
        self._reading = reading
        self._protected = {number for number, table in plan.tables.items() if table.protected_by}
        [(known,)] = target.execute("SELECT acquainted FROM ucrepl.link WHERE link_id = %s", [link_id]).fetchall()
        self.strangers = self._protected.difference(known)
        self.has_looked = not self.strangers

    def look_again(self) -> int:
        """Looks for all records in tables of strangers: some may have been made here. Returns how many were found."""
        self.has_looked = True
        found = self.look_at(self.strangers)
        with self._reading() as source:
            self._note({n for n in self.strangers if self.unpaired(source, self._plan.tables[n])})
        return found

    def look_at(self, tables: Iterable[int]) -> int:
        """Looks for all records of these tables that are in no pair on either side. Returns how many were found."""
        met = [table for number in tables if self._has_candidates(table := self._plan.tables[number])]
        if not met:
            return 0
        with self._reading() as source:
            wanted = {table.number: keys for table in met if (keys := self.unpaired(source, table))}
            return self._recognise(source, wanted) if wanted else 0

    def ask(self, staged: Staged, *, closely: bool) -> int:
        """Looks for the strangers that the staged changes bring, or refer to; `closely`: for all unknown records.

        Returns how many were found.
        """
        late = {n for n in staged.inserts if _is_named_by_ids(self._plan.tables[n])}
        touched = (staged.inserts.keys() | staged.updates.keys()) - late
        brought = [t for n in touched if (t := self._plan.tables[n]).protected_by]
        referred = (self._plan.tables.keys() if closely else self.strangers) - late
        references = self._references(staged.tables, referred) if referred else References()
        found = 0
        if not (brought or references.tables):
            return found
        if unknown := self._unknown(references, brought):
            found = self.ask_for(unknown)
            if new := self._unknown(References(), brought).keys() - self.strangers:
                self._note(self.strangers | new)
        return found

    def ask_for_missing(self, table: TablePlan) -> bool:
        """Looks for the records for which trouble was noted because they are not known. Returns whether some are now.

        Then the trouble is to be noted anew.
        """
        [(keys,)] = self._run(
            "SELECT array_agg(c.key) FROM pg_temp.trouble AS t JOIN pg_temp.change AS c ON c.seq = t.seq"
            " WHERE t.reason = 'missing' AND c.table_id = %(table)s",
            {"table": table.number},
        ).fetchall()
        if not keys or not self.ask_for({table.number: keys}):
            return False
        self._run("DELETE FROM pg_temp.trouble WHERE reason = 'missing'")
        return True

    def ask_for(self, wanted: Mapping[int, Sequence[str]]) -> int:
        """Looks for these records of the source, table -> keys. Returns how many are known now."""
        with self._reading() as source:
            return self._recognise(source, wanted)

    def _references(self, tables: Collection[int], referred: Collection[int]) -> References:
        """The columns of these tables that may refer to records of those."""
        plan = self._plan
        names = {plan.tables[number].name for number in referred if number in plan.tables}
        models = any(m.table in referred for m in plan.models)
        return References.of(
            plan,
            (
                (plan.tables[number], column)
                for number in tables
                if number in plan.tables
                for column in plan.tables[number].columns
                if column.refers_to in names or (column.model_column and models)
            ),
        )

    def _unknown(
        self, references: References, own: Iterable[TablePlan], *, asked: bool = False
    ) -> dict[int, list[str]]:
        own = list(own)
        values = {
            **vars(references),
            "peer": self._plan.peer_id,
            "wanted": [*self.strangers],
            "own": [t.number for t in own],
            "own_spaces": [t.space for t in own],
            "asked": asked,
        }
        return dict(self._run(query("unknown_records", self._plan.hstore_schema), values).fetchall())

    def _recognise(self, source: Connection[TupleRow], wanted: Mapping[int, Sequence[str]]) -> int:
        """Stages what these records, and those in their keys, are recognised by, and pairs them."""
        tables: set[int] = set()
        left = wanted
        for _ in range(ROUNDS):
            for number, keys in left.items():
                self._stage(source, self._plan.tables[number], keys)
            tables |= left.keys()
            left = self._unknown(self._keys_of(tables), (), asked=True)
            if not left:
                break
        found = sum(self._run(statement).rowcount for statement in self._statements(tables))
        self._run(
            "DELETE FROM pg_temp.trouble AS t USING pg_temp.change AS c"
            f" WHERE c.seq = t.seq AND c.xid = {rows.ASKED_FOR}"
        )
        self._run(f"DELETE FROM pg_temp.change WHERE xid = {rows.ASKED_FOR}")
        return found

    def _stage(self, source: Connection[TupleRow], table: TablePlan, keys: Sequence[str]) -> None:
        hstore = self._plan.source_hstore
        asked = [(rows.asked_for(table, hstore), {"keys": [*keys]})]
        names = self._plan.tables.get(self._plan.external_ids or 0)
        models = [m.model for m in self._plan.models if m.table == table.number]
        if names and models:
            asked.append((rows.names_asked_for(names, hstore), {"keys": [*keys], "models": models}))
        for select, values in asked:
            read(source, select, values).copy_into(self._target, "pg_temp.change", rows.COLUMNS)

    def _keys_of(self, tables: Iterable[int]) -> References:
        """The references in what records of these tables are recognised by."""
        plan = self._plan
        columns = (
            (plan.tables[n], plan.tables[n].column(name)) for n in tables for name in plan.tables[n].recognised_by
        )
        return References.of(plan, ((t, c) for t, c in columns if c.refers_to in plan.by_name))

    def _statements(self, tables: set[int]) -> Iterable[str]:
        """What pairs records of these tables: by external ids, then in the order that keys need, circles in rounds."""
        plan = self._plan
        if plan.external_ids in plan.tables:
            yield identify.recognise_by_external_id(plan, plan.tables[plan.external_ids])
        for members in plan.by_recognition_twice(tables):
            for _ in range(ROUNDS if len(members) > 1 else 1):
                for table in members:
                    yield from (make(plan, table, by) for _, make, by in identify.ways(table, by_indexes=True))

    def unpaired(self, source: Connection[TupleRow], table: TablePlan) -> list[str]:
        """The keys of the source's records that are in no pair."""
        key = quote(table.table.key[0])
        ids = f"SELECT coalesce(array_agg(row.{key}::bigint), '{{}}') FROM {table.table.only}{table.name.sql} AS row"
        [(known,)] = source.execute(ids.encode()).fetchall()
        found = self._run(
            "SELECT array_agg(k::text) FROM unnest(%(ids)s::bigint[]) AS k WHERE NOT EXISTS (SELECT"
            " FROM ucrepl.identity AS i WHERE i.peer_id = %(peer)s AND i.remote_table = %(space)s AND i.remote_id = k)",
            {"ids": known, "peer": self._plan.peer_id, "space": table.space},
        ).fetchone()
        return (found and found[0]) or []

    def _has_candidates(self, table: TablePlan) -> bool:
        row = self._run(identify.has_unpaired(self._plan, table)).fetchone()
        return bool(row and row[0])

    def _note(self, strangers: set[int]) -> None:
        self.strangers = strangers
        self._run(
            "UPDATE ucrepl.link SET acquainted = %(tables)s WHERE link_id = %(link)s",
            {"tables": sorted(self._protected - strangers), "link": self._link_id},
        )

    def _run(self, statement: str, values: Mapping[str, object] | None = None) -> psycopg.Cursor[TupleRow]:
        return self._target.execute(statement.encode(), values, prepare=True)


def _is_named_by_ids(table: TablePlan) -> bool:
    """Whether records are recognised by texts with ids, whose records the same batch may bring: these come first."""
    return any(table.column(name).reference for name in table.recognised_by)
