"""What differs, as it is reported."""

from psycopg.rows import dict_row

from ucrepl.db.sqlfiles import query
from ucrepl.link.nodes import explained
from ucrepl.link.verify.chunks import Counted
from ucrepl.link.verify.report import Action, ColumnDifference, Kind, RowDifference, TableReport
from ucrepl.link.verify.session import Session
from ucrepl.plan.verify import Comparison


class Findings:
    """Reads the findings of a comparison."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def report(self, comparison: Comparison, counted: Counted, lagging: int, shown: int) -> TableReport:
        """The report of a table, with the first so many rows that differ."""
        number = comparison.table.number
        with explained(self.session.link.target), self.session.target.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(query("verify_count"), {"table": number}).fetchone()
            rows = cursor.execute(query("verify_show"), {"table": number, "limit": shown}).fetchall() if shown else []
        return TableReport(
            table=str(comparison.table.name),
            source_rows=counted.source,
            target_rows=counted.target,
            own=counted.own,
            **{**(found or {}), "left_out": (found or {}).get("left_out", 0) + counted.left_out},
            lagging=lagging,
            protected_columns=comparison.compared.protected,
            skipped_columns=comparison.compared.left_out,
            rows=tuple(
                RowDifference(
                    kind=row["kind"],
                    key=row["key"],
                    local_key=row["local_key"],
                    parked=row["parked"],
                    action=self.action(row["kind"], comparison),
                    columns=tuple(
                        ColumnDifference(*values)
                        for values in zip(
                            row["columns"] or (), row["source_values"] or (), row["target_values"] or (), strict=True
                        )
                    ),
                    outcome=row["outcome"],
                )
                for row in rows
            ),
        )

    @staticmethod
    def action(kind: Kind, comparison: Comparison) -> Action:
        """What a repair does to such a row: what may have been made on the target is not deleted there."""
        if kind == "extra":
            return "delete" if comparison.compared.own_rows else "leave"
        return "insert" if kind == "missing" else "update"
