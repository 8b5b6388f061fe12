"""Counts what a seeding would do to the rows of a table, batch by batch, with the statements that would do it."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator

from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.preview import Kind, Reason, TablePreview
from ucrepl.link.seed.stage import Origin
from ucrepl.link.seed.stream import ReadAhead, Rows
from ucrepl.plan import conflict, identify, preview, rows
from ucrepl.plan.catalog import TableName
from ucrepl.plan.model import ColumnPlan, LinkPlan, Protection, TablePlan

_LEVELS = {
    Protection.NOT_EMPTY: "never with an empty value",
    Protection.WHILE_EMPTY: "only while it is empty here",
    Protection.NEVER: "never",
    Protection.COUNTER: "the greater number stays",
    Protection.SUM: "differences add up",
}


class Tally:
    """Counts one table. `later`: the tables of its circle that would be copied after it.

    `tell` is told of every batch: the table, and how many rows of it.
    """

    def __init__(
        self,
        lane: Lane,
        origin: Origin,
        table: TablePlan,
        later: Collection[TableName],
        tell: Callable[[TablePlan, int], None],
    ) -> None:
        self._lane = lane
        self._plan: LinkPlan = lane.plan
        self._origin = origin
        self._table = table
        self._unresolved = preview.unresolved(lane.plan, table, later)
        self._tell = tell
        self._found = TablePreview(str(table.name))
        self._reasons: dict[Kind, Counter[str]] = {}
        self.dropped = 0

    def count(self) -> TablePreview:
        """Reads all rows. `dropped` then says how many would be parked because of what they refer to."""
        table, number = self._table, self._origin.numbers.get(self._table.number)
        written = number if number in self._origin.written else None
        with ReadAhead(self._lane.reader, rows.as_changes(table, self._origin.hstore, written=written)) as read_ahead:
            for batch in read_ahead:
                with self._lane.target.transaction():
                    self._count(batch)
                self._tell(table, batch.count)
        found = self._found
        found.unresolved = self._reasons.get("unresolved", Counter()).total()
        found.reasons = list(self._worded())
        return found

    def _count(self, batch: Rows) -> None:
        run, table, found = self._lane.run, self._table, self._found
        batch.copy_into(self._lane.target, "pg_temp.change", rows.COLUMNS)
        run("INSERT INTO pg_temp.present (key) SELECT key FROM pg_temp.change")
        run("ANALYZE pg_temp.change (table_id, op, key)")
        found.rows += batch.count
        ambiguous = run(preview.drop_doubtful(table)).rowcount
        found.ambiguous += ambiguous
        found.parked += ambiguous
        if table.partial_rule:
            found.left_out += self._leave_out()
        self._drop_unresolved()
        for column in table.mentioning:
            mentioned = run(preview.mention(self._plan, table, column)).rowcount
            self._note("unresolved", f"{column.name}: no record has this id, as on the source", mentioned)
        staged, merged = self._value("SELECT count(*) FROM pg_temp.change"), 0
        if table.surrogate or table.value_columns:
            merged = run(identify.mark_existing(self._plan, table)).rowcount
            if merged and any(c.can_conflict for c in table.value_columns):
                staged -= self._judge()
        here = self._compare() if merged or not (table.surrogate or table.value_columns) else 0
        found.recognised += here
        found.create += staged - here

    def _leave_out(self) -> int:
        """Takes out what a rule leaves out, and what was expected of it."""
        self._lane.run(conflict.leave_out(self._plan, self._table))
        left_out = self._value("SELECT sum(rows) FROM pg_temp.left_out")
        if left_out and self._table.surrogate:
            self._lane.run(preview.withdraw(self._plan, self._table))
        return left_out

    def _drop_unresolved(self) -> None:
        """Takes out the rows with a reference that has nothing to refer to, then those that refer to them, and so on.

        A reference that can wait for a record that never comes is taken out of its row.
        """
        run, found, dropped = self._lane.run, self._found, 1
        while dropped and self._unresolved and run(self._unresolved).rowcount:
            run(self._lane.query("postpone"), {"link": self._lane.link_id})
            for name, references in run(
                "SELECT f.column_name, count(*) FROM pg_temp.forward AS f WHERE NOT f.can_wait GROUP BY f.column_name"
            ).fetchall():
                self._note_unresolved(name, "the row is parked", references)
            dropped = run(
                "DELETE FROM pg_temp.change AS c USING pg_temp.forward AS f WHERE c.seq = f.seq AND NOT f.can_wait"
            ).rowcount
            run("DELETE FROM pg_temp.forward")
            self.dropped += dropped
            found.parked += dropped
            if dropped and self._table.surrogate:
                run(preview.withdraw(self._plan, self._table))
        waiting = "FROM ucrepl.postponed AS p JOIN pg_temp.change AS c ON c.key = p.key"
        for name, references in run(f"SELECT p.column_name, count(*) {waiting} GROUP BY p.column_name").fetchall():
            self._note_unresolved(name, "it is parked, and the row written without it", references)
        found.parked += self._value(f"SELECT count(DISTINCT p.key) {waiting}")

    def _judge(self) -> int:
        """Settles the conflicts of the rows that would be merged. Returns how many of these would be parked."""
        run, table = self._lane.run, self._table
        run(conflict.collide(self._plan, table, table.value_columns))
        run(self._lane.query("judge_collisions"), self._lane.applier.names)
        self._found.conflicts += self._value(self._lane.query("settle_collisions"))
        parked = run("DELETE FROM pg_temp.change AS c USING pg_temp.trouble AS t WHERE c.seq = t.seq").rowcount
        self._found.parked += parked
        return parked

    def _compare(self) -> int:
        """Compares the rows that would be merged. Returns how many there are."""
        here = 0
        for by, count, update, protected, changes, keeps in self._lane.run(
            preview.recognised(self._plan, self._table)
        ).fetchall():
            here += count
            self._note("recognised", by, count)
            self._found.update += update
            self._found.protected += protected
            for column, changed, kept in zip(self._table.value_columns, changes, keeps, strict=True):
                self._note("update", column.name, changed)
                self._note("protected", column.name, kept)
        return here

    def _note(self, kind: Kind, why: str, count: int) -> None:
        if count:
            self._reasons.setdefault(kind, Counter())[why] += count

    def _worded(self) -> Iterator[Reason]:
        for kind, counts in self._reasons.items():
            for why, count in counts.most_common():
                yield Reason(kind, self._protection(self._table.column(why)) if kind == "protected" else why, count)

    def _protection(self, column: ColumnPlan) -> str:
        said = [use for use in self._plan.rules if use.table == str(self._table.name) and not use.where]
        rule = next(use.rule for name in (column.name, None) for use in said if use.column == name)
        return f"{column.name}: level {column.protection.value}, {_LEVELS[column.protection]}, by rule {rule!r}"

    def _note_unresolved(self, name: str, becomes: str, count: int) -> None:
        referred = self._table.column(name).refers_to
        self._note("unresolved", f"{name}: a record of {referred} that is on neither side; {becomes}", count)

    def _value(self, statement: str) -> int:
        row = self._lane.run(statement, {"link": self._lane.link_id}).fetchone()
        return int(row[0] or 0) if row else 0
