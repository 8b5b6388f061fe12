"""The SQL files: where they are, and how they are made ready to run."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import LiteralString

from psycopg import sql

HSTORE_MARK = "@hstore@"


def root() -> Traversable:
    """The folder of the SQL files: inside the installed package, or beside it in a checkout."""
    packaged = files("ucrepl") / "sql"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "sql"


@cache
def query(name: str, hstore_schema: str | None = None) -> LiteralString:
    """The text of the named query `sql/queries/NAME.sql`; the schema is needed where it has the mark @hstore@.

    The files are part of the program, which is what `LiteralString` stands for.
    """
    text = (root() / "queries" / f"{name}.sql").read_text()
    if hstore_schema is not None:
        text = text.replace(HSTORE_MARK, sql.Identifier(hstore_schema).as_string())
    return text


def scripts(folder: str, hstore_schema: str) -> Iterator[tuple[str, sql.SQL]]:
    """The files of a folder in the order of their names, each as (name without suffix, SQL).

    The mark @hstore@ is replaced with the schema in which the extension hstore is installed.
    """
    schema = sql.Identifier(hstore_schema).as_string()
    for file in sorted((root() / folder).iterdir(), key=lambda f: f.name):
        text = file.read_text().replace(HSTORE_MARK, schema)
        yield file.name.removesuffix(".sql"), sql.SQL(text)
