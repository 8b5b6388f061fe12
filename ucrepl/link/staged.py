"""What is staged: which changes of which tables, so that only the statements that they need are run."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from ucrepl.db.sqlfiles import query
from ucrepl.plan.model import LinkPlan


@dataclass(frozen=True)
class Staged:
    """What is staged: per table the number of inserts, updates (with their columns), deletes, merges.

    `totals`: of the tables whose rows are totals how many changes of any kind. `keyless`: of some it is not known to
    which rows they were done.
    """

    inserts: dict[int, int]
    updates: dict[int, tuple[int, tuple[str, ...], bool]]
    deletes: dict[int, int]
    totals: dict[int, int]
    ordered: bool
    unknown: bool
    skipped: bool
    keyless: bool
    tables: frozenset[int]

    @property
    def changes(self) -> int:
        """How many changes are staged that are to be written."""
        counts = (self.inserts.values(), self.deletes.values(), self.totals.values())
        return sum(map(sum, counts)) + sum(n for n, _, _ in self.updates.values())


def read_staged(connection: Connection[TupleRow], plan: LinkPlan) -> Staged:
    """What is staged in `pg_temp.change` of the session."""
    inserts: dict[int, int] = {}
    updates: dict[int, tuple[int, tuple[str, ...], bool]] = {}
    deletes: dict[int, int] = {}
    totals: dict[int, int] = {}
    tables = set()
    ordered = unknown = skipped = keyless = False
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("summary", plan.hstore_schema).encode(), prepare=True).fetchall()
    for row in rows:
        tables.add(row["table_id"])
        unknown |= row["table_id"] == 0
        skipped |= row["table_id"] < 0
        if row["table_id"] in plan.totals:
            totals[row["table_id"]] = totals.get(row["table_id"], 0) + row["changes"]
            continue
        if row["table_id"] not in plan.tables:
            continue
        ordered |= row["op"] in "KT"
        keyless |= row["keyless"] and row["op"] != "T"
        if row["op"] in "IM":
            inserts[row["table_id"]] = inserts.get(row["table_id"], 0) + row["changes"]
        elif row["op"] == "U":
            updates[row["table_id"]] = (row["changes"], tuple(sorted(row["columns"])), bool(row["uniform"]))
        elif row["op"] == "D":
            deletes[row["table_id"]] = row["changes"]
    return Staged(inserts, updates, deletes, totals, ordered, unknown, skipped, keyless, frozenset(tables))
