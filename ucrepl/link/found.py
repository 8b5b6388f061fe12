"""Takes out of a batch what comes only so that records are found: each node has them from its own modules."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.link.staged import Staged, read_staged
from ucrepl.plan import conflict, identify
from ucrepl.plan.brought import FOUND_ONLY
from ucrepl.plan.model import LinkPlan, TablePlan


class FoundOnly:
    """The rows of a plan that are sent to be found and never made, and the deletes that modules of this node forbid."""

    def __init__(self, connection: Connection[TupleRow], plan: LinkPlan) -> None:
        self._connection = connection
        self._plan = plan
        self._found = {
            t.number + FOUND_ONLY: replace(t, number=t.number + FOUND_ONLY, protected_by=t.finds)
            for t in plan.tables.values()
            if t.finds
        }
        self._brought = {number: t.brought for number, t in plan.tables.items() if t.brought}
        self._compiled: dict[object, str] = {}

    def take_out(self, staged: Staged) -> Staged:
        """Pairs the records that are here already, leaves the rows out, and says what is staged then."""
        found = self._found.keys() & staged.tables
        deleted = self._brought.keys() & staged.deletes.keys()
        if not (found or deleted):
            return staged
        self._find(found)
        for number in deleted:
            self._run(("delete", number), conflict.leave_out_brought, self._plan.tables[number], self._brought[number])
        return read_staged(self._connection, self._plan)

    def _find(self, numbers: AbstractSet[int]) -> None:
        """External ids first, then keys."""
        names = self._found.get((self._plan.external_ids or 0) + FOUND_ONLY)
        if names and names.number in numbers:
            self._run("named", partial(identify.recognise_by_external_id, all_there=True), names)
        for table in (self._found[number] for number in sorted(numbers)):
            for key in () if table is names else table.recognition_keys:
                self._run((table.number, key), identify.recognise, table, key)
            self._run(table.number, conflict.leave_out_new, table)

    def _run(self, name: object, make: Callable[..., str], table: TablePlan, *details: object) -> None:
        if name not in self._compiled:
            self._compiled[name] = make(self._plan, table, *details)
        self._connection.execute(self._compiled[name].encode(), prepare=True)
