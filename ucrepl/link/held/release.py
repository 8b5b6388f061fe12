"""Takes up held changes once they have a place."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.plan import held
from ucrepl.plan.model import LinkPlan


@dataclass(frozen=True, slots=True)
class Release:
    """What of the held changes has a place by the plan: all of these tables, and values of these columns of a table."""

    link_id: int
    plan: LinkPlan
    tables: tuple[int, ...]
    columns: tuple[tuple[int, str], ...]

    def stage(self, target: Connection[TupleRow], rows: int) -> int:
        """Stages about so many of them in `pg_temp.change`, in their order. Returns how many; 0: there are no more."""
        values = {
            "link": self.link_id,
            "tables": list(self.tables),
            "numbers": [number for number, _ in self.columns],
            "names": [name for _, name in self.columns],
            "rows": rows,
            **held.without_model(self.plan, self.tables),
        }
        return target.execute(query("take_held", self.plan.hstore_schema), values).rowcount


def find_release(target: Connection[TupleRow], plan: LinkPlan, link_id: int) -> Release | None:
    """What has a place by now, None where nothing has. What a rule leaves out by now is dropped, and counted."""
    tables, columns = [], []
    found = target.execute(query("held_tables", plan.hstore_schema), {"link": link_id}).fetchall()
    if not plan.skipped.keys().isdisjoint(row[0] for row in found):
        rules = [table.rule for table in plan.skipped.values()]
        target.execute(query("held_drop"), {"link": link_id, "numbers": list(plan.skipped), "rules": rules})
    for number, _, _, whole, names in found:
        table = plan.tables.get(number)
        if table is None or number in plan.skipped:
            continue
        if whole:
            tables.append(number)
        placed = {c.on_source for c in table.columns if c.source_name is not None}.difference(table.held_columns)
        columns += [(number, name) for name in names or () if name in placed]
    return Release(link_id, plan, tuple(tables), tuple(columns)) if tables or columns else None
