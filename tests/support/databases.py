"""Databases for tests: copies of templates, each made when it is first asked for, once per server."""

from importlib.resources import files
from itertools import count
from typing import Final, Protocol

import psycopg
from psycopg import sql

from tests.support.odoo import odoo_file, restore_dump
from ucrepl.throwaway import Server

_DUMPS: Final = ("odoo14", "odoo18", "odoo18-empty")
_SCRIPTS: Final = {"empty": (), "shop": ("schema.sql", "base.sql"), "shop-empty": ("schema.sql",)}
_HAS_STRATEGIES: Final = 15  # before this version there was only the one that is the quickest here


class MakeDatabase(Protocol):
    """What the fixture `database` gives: `dsn = database("odoo18")`."""

    def __call__(self, template: str = "empty", name: str | None = None) -> str:
        """Copy a template into a new database, dropped after the test, and give its DSN."""


class Databases:
    """The databases of a server, and the templates that they are copies of.

    Templates: "empty", with nothing in it; "shop", the demo's database, and "shop-empty", its tables alone;
    "odoo14", "odoo18" and "odoo18-empty", from the dumps of these names.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._strategy = " STRATEGY file_copy" if server.version >= _HAS_STRATEGIES else ""
        self._numbers = count(1)
        self._templates: set[str] = set()

    def create(self, template: str = "empty", name: str | None = None) -> str:
        """Copy a template into a new database, and give its name. The test is skipped where the dump is not there."""
        if template not in self._templates:
            self._make_template(template)
            self._templates.add(template)
        name = name or f"{template}-{next(self._numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}" + self._strategy, name, _name(template))
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _make_template(self, template: str) -> None:
        self._execute("CREATE DATABASE {} TEMPLATE template0", _name(template))
        try:
            self._fill(template, self.server.dsn(_name(template)))
        except BaseException:
            self.drop(_name(template))
            raise

    def _fill(self, template: str, dsn: str) -> None:
        if template in _DUMPS:
            restore_dump(dsn, odoo_file(f"{template}.dump"))
        with psycopg.connect(dsn, autocommit=True) as connection:
            for script in _SCRIPTS.get(template, ()):
                connection.execute(files("ucrepl.demo").joinpath(script).read_bytes())
            connection.execute("ANALYZE")

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _name(template: str) -> str:
    if template not in _DUMPS and template not in _SCRIPTS:
        message = f"there is no template {template!r}"
        raise ValueError(message)
    return f"template {template}"
