"""A stand-in for a worker of a running Odoo, as far as its caches go: it reads what one of each version reads."""

from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

# What each version has: the names of the caches, `registry` among them, and by what a worker is told of each.
_SEQUENCES: Final = ("default", "assets", "templates", "routing")
CACHES: Final = {
    "16": {"registry": "base_registry_signaling", "all": "base_cache_signaling"},
    "17": {"registry": "base_registry_signaling"} | {name: f"base_cache_signaling_{name}" for name in _SEQUENCES},
    "18": {"registry": "base_registry_signaling"}
    | {name: f"base_cache_signaling_{name}" for name in (*_SEQUENCES, "groups")},
    "19": {name: f"orm_signaling_{name}" for name in ("registry", *_SEQUENCES, "groups", "stable")},
}
VERSIONS: Final = tuple(CACHES)


def signalling(version: str) -> str:
    """The statements with which the first start of a server of that version makes what its workers look at."""
    made = []
    for relation in CACHES[version].values():
        if version == "19":
            made.append(f"CREATE TABLE {relation} (id serial PRIMARY KEY, date timestamp DEFAULT now())")
            made.append(f"INSERT INTO {relation} DEFAULT VALUES")
        else:
            made.append(f"CREATE SEQUENCE {relation} INCREMENT BY 1 START WITH 1")
            made.append(f"SELECT nextval('{relation}')")
    return "; ".join(made)


class OdooWorker:
    """A worker, with a cache of the parameters of its database. `connection` is in autocommit mode."""

    def __init__(self, connection: Connection[TupleRow], version: str) -> None:
        self._connection = connection
        relations = CACHES[version]
        if version == "19":
            values = (f"(SELECT max(id) FROM {relation})" for relation in relations.values())
            self._look = f"SELECT {', '.join(values)}"
        else:
            values = (f"{relation}.last_value" for relation in relations.values())
            self._look = f"SELECT {', '.join(values)} FROM {', '.join(relations.values())}"
        self._names = tuple(relations)
        self._seen = self._read()
        self._parameters: dict[str, str | None] = {}

    def steps(self) -> dict[str, int]:
        """What a worker does before each request: the caches that are out of date, and how often it was told of each.

        They are dropped.
        """
        now = self._read()
        steps = {name: a - b for name, a, b in zip(self._names, now, self._seen, strict=True) if a != b}
        self._seen = now
        if steps:
            self._parameters.clear()
        return steps

    def told(self) -> set[str]:
        """The caches that are out of date; each must have been told of once."""
        steps = self.steps()
        assert set(steps.values()) <= {1}, steps
        return set(steps)

    def parameter(self, key: str) -> str | None:
        """A parameter of the database, as a request gets it."""
        self.steps()
        if key not in self._parameters:
            row = self._connection.execute("SELECT value FROM ir_config_parameter WHERE key = %s", [key]).fetchone()
            self._parameters[key] = row[0] if row else None
        return self._parameters[key]

    def _read(self) -> TupleRow:
        row = self._connection.execute(self._look.encode()).fetchone()
        assert row
        return row
