"""The catalogue of all references of a database: queries that follow them, for each column and each kind."""

import re
from collections.abc import Iterator
from typing import Final

from tests.support.references import columns, kinds, texts, values
from tests.support.references.database import Database
from tests.support.references.query import Followed

# The types of Odoo's fields, and the names of its numbers, that are references.
_REFERRING: Final = ("many2one", "many2one_reference", "reference", "properties", "properties_definition")
_LIKE_A_REFERENCE: Final = r"(_id|_uid|_int)$"


def catalogue(database: Database) -> Iterator[Followed]:
    """All columns with references, of every kind that the database has."""
    yield from columns.in_columns(database)
    yield from values.in_values(database)
    yield from texts.in_texts(database)


def unlisted(database: Database) -> set[tuple[str, str]]:
    """Columns that look like references and are in no query: (table, column)."""
    followed = {(f.table, column) for f in catalogue(database) for column in f.columns}
    typed = {
        (field.table, field.name)
        for field in database.fields.values()
        if field.ttype in _REFERRING and database.has(field.table, field.name)
    }
    named = {
        (table.label, column.name)
        for table in database.tables.values()
        for column in table.columns.values()
        if column.name not in table.key
        and column.type in ("int4", "int8")
        and re.search(_LIKE_A_REFERENCE, column.name)
    }
    ends = {(t.label, name) for t in database.tables.values() if not t.numbered for name in t.columns}
    return (typed | named | ends) - followed - kinds.NO_REFERENCES
