"""The query `batch` of a link: as a statement for a backlog, as functions of the session for a few changes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.plan import mask, past, route
from ucrepl.plan.catalog import TableName
from ucrepl.plan.past import Past
from ucrepl.plan.text import literal

MOST_FUNCTIONS: Final = 200
"""So many functions are made at the most; batches of other sets of tables are read by the statement."""


class BatchQuery:
    """Makes the query, and keeps what was made of it in the session.

    `hstore` is the schema of that extension on the source; `masks` and `routes` are those of the tables that have any,
    by their numbers there; `pasts` what tables were when changes were written; `lists`: the parameters `tables` and
    `seeded` of the query.
    """

    def __init__(
        self,
        connection: Connection[TupleRow],
        hstore: str,
        masks: Mapping[int, tuple[TableName, Mapping[str, str]]],
        routes: Mapping[int, str],
        pasts: Mapping[int, Past],
        lists: Mapping[str, Sequence[object]],
    ) -> None:
        self._connection = connection
        self._hstore = hstore
        self._masks, self._routes, self._pasts = masks, routes, pasts
        self._lists = lists
        self._functions: dict[frozenset[int], str] = {}
        self._special = masks.keys() | routes.keys() | pasts.keys()
        self._whole = self._text(self._special)

    def statement(self, touched: Collection[int] | None) -> tuple[str, dict[str, object]]:
        """The statement, and what it takes as parameters besides `position` and `ends`.

        `touched`: the tables of which there are changes, None for a backlog. A function has the masks and routes of
        these only: to get those of all tables ready takes PostgreSQL a few milliseconds each time.
        """
        special = frozenset(self._special.intersection(touched or ()))
        if touched is None or (special not in self._functions and len(self._functions) >= MOST_FUNCTIONS):
            return self._whole, dict(self._lists)
        if special not in self._functions:
            self._functions[special] = self._make_function(special, f"batch_{len(self._functions)}")
        return query("batch_of_few", self._hstore).replace("@function@", self._functions[special]), {}

    def _make_function(self, special: Collection[int], name: str) -> str:
        arguments = {key: sql.Literal(values).as_string(self._connection) for key, values in self._lists.items()}
        arguments |= {"position": f"{name}.begins", "ends": f"{name}.ends"}
        body = f"#variable_conflict use_column\nBEGIN\nRETURN QUERY\n{self._text(special) % arguments};\nEND;"
        statement = query("staging_batch").replace("@function@", name).replace("@body@", literal(body))
        self._connection.execute(statement.encode())
        return name

    def _text(self, special: Collection[int]) -> str:
        """The query with the masks, routes and pasts of these tables."""
        of_now = past.as_now(self._hstore, [of_table for number, of_table in self._pasts.items() if number in special])
        routes = [(number, of_table) for number, of_table in self._routes.items() if number in special]
        numbered = route.routed(routes, of_now)
        masked = [(number, *of_table) for number, of_table in self._masks.items() if number in special]
        changes = mask.changes(self._hstore, masked, numbered).replace("%", "%%")
        return query("batch", self._hstore).replace("@changes@", changes)
