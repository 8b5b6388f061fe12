"""Logged conflicts."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.db.sqlfiles import query


@dataclass(frozen=True, slots=True)
class Conflict:
    """A column of a record that both sides have changed (`deleted`: one of them deleted the record), and who won."""

    id: int
    link: str
    kind: str
    table_name: str
    remote_key: str
    local_key: str | None
    column_name: str | None
    old_value: str | None
    source_value: str | None
    target_value: str | None
    policy: str
    winner: str
    source_at: datetime
    target_at: datetime | None
    logged_at: datetime
    total: int


def conflicts(
    target: Connection[TupleRow], *, link: str | None = None, ids: list[int] | None = None, limit: int | None = None
) -> list[Conflict]:
    """The conflicts of the links that end at the node, or of one, the latest first; or those with these ids."""
    with target.cursor(row_factory=class_row(Conflict)) as cursor:
        return cursor.execute(query("conflict_list"), {"link": link, "ids": ids, "limit": limit}).fetchall()
