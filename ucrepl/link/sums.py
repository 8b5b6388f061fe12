"""Compares the sums of totals on both sides of a link, and gives the target those of the source.

What a side has written and the other one has not got yet is taken back from its sums, by the positions of both links.
Sums that differ then differ by a mistake, though both sides are in use.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError
from ucrepl.link.source import copy_out, table_numbers
from ucrepl.plan import sums
from ucrepl.plan.model import LinkPlan, TablePlan


class BegunError(RefusedError):
    """A batch of a link is applied in parts just now: its position does not tell all that was applied."""

    def __init__(self, link: str) -> None:
        super().__init__(
            f"a batch of link {link!r} is applied in parts, and totals can't be compared until it is done",
            hint="see that the daemon runs (ucrepl status), and run the command again",
        )


@dataclass(frozen=True)
class Sums:
    """What compares totals on a session of the target and one of the source, which has a snapshot of its own.

    `hstore` is the schema of that extension on the source. `back`: the name of the link from the target to the source,
    None where there is none: then all that the target has written itself counts as a difference.
    """

    plan: LinkPlan
    source: Connection[TupleRow]
    target: Connection[TupleRow]
    hstore: str
    back: str | None

    def compare(self, table: TablePlan, position: str | None) -> None:
        """Puts the combinations that differ into `pg_temp.sums_found`.

        `position`: what the target has got of the source, None where that is all that the source's snapshot shows. It
        must stand still until the transaction on the target ends, and the snapshot of the source be later. Raises
        BegunError where the position of the way back is not all that the source has got.
        """
        self.target.execute(query("staging_sums"))
        self.target.execute("TRUNCATE pg_temp.sums_there, pg_temp.sums_waiting, pg_temp.sums_found")
        number = table_numbers(self.source).get(table.name, 0)
        of_source = sums.there(table, number, self.hstore, since=position is not None)
        self._bring(of_source, {"position": position}, "sums_there")
        got_back = None
        if self.back:
            row = self.source.execute(query("verify_position"), {"link": self.back}).fetchone()
            got_back = row[0] if row else None
            begun = (
                "SELECT FROM ucrepl.applied_ahead AS a JOIN ucrepl.link AS k USING (link_id) WHERE k.name = %s LIMIT 1"
            )
            if self.source.execute(begun, [self.back]).fetchone() is not None:
                raise BegunError(self.back)
            self._bring(sums.parked(number), {"link": self.back}, "sums_waiting")
        comparing = sums.compare(self.plan, table, since=got_back is not None)
        self.target.execute(comparing.encode(), {"position": got_back})

    def stage(self, table: TablePlan, into: str, seq: str) -> int:
        """Stages in a table of changes what makes the sums of the target those of the source. Returns how many.

        `seq`: the SQL of their numbers.
        """
        return self.target.execute(sums.stage(self.plan, table, into, seq).encode()).rowcount

    def _bring(self, statement: str, values: Mapping[str, object], into: str) -> None:
        with (
            self.source.cursor() as reading,
            reading.copy(copy_out(statement).encode(), values) as out,
            self.target.cursor() as writing,
            writing.copy(f"COPY pg_temp.{into} FROM STDIN (FORMAT binary)".encode()) as copy,
        ):
            for block in out:
                copy.write(block)
