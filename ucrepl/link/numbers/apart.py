"""Sets the standard sequences of nodes apart, so that they never hand out the same number, and takes that back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError
from ucrepl.link.ids.sequences import Slot
from ucrepl.link.nodes import explained
from ucrepl.link.numbers.counters import Counter, Ends, Group, groups
from ucrepl.link.numbers.state import Numbering, read_numbering
from ucrepl.link.patience import LOCK_TIMEOUT, patiently, with_short_lock

Progress = Callable[[int, int], None]
Change = tuple[str, sql.Composed]
"""A statement, and the node on which it is run."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: to so many ir.sequence of all nodes, and to these PostgreSQL sequences."""

    nodes: Mapping[str, Numbering | None]
    rows: int
    sequences: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Step:
    """How the sequences of a node are to count: its slot, and the step of each ir.sequence (by default the slot's)."""

    slot: Slot
    steps: Mapping[int, int]

    def increment(self, counter: Counter) -> int:
        return self.steps.get(counter.sequence_id, self.slot.slots)


class Apart:
    """Some nodes, and what is to be done with their standard sequences.

    `planned` says what each node is to do, None where it is to number as Odoo does by itself. A node that is not in it
    stays as it is: all go on above the numbers that it has given, too.
    """

    def __init__(self, ends: Ends) -> None:
        self.ends = ends
        self.before = {name: read_numbering(end) for name, end in ends.items()}

    def changes(self, planned: Mapping[str, Numbering | None]) -> Iterator[Change]:
        """What would be run, as the nodes are now."""
        for name, numbering in planned.items():
            yield from ((name, statement) for statement in _rows(numbering, planned))
        for group, steps in self._wrong(planned):
            greatest = max(counter.given for counter in group.counters.values())
            for name, step in steps.items():
                counter = group.counters[name]
                yield name, _alter(counter, step)
                yield name, _restart(counter, step, greatest)

    def run(self, planned: Mapping[str, Numbering | None], progress: Progress = lambda _done, _all: None) -> Done:
        """Does it. A sequence that somebody draws from is waited for; the nodes may be in use.

        Raises RefusedError for sequences that stayed locked, when the others are done: run it again.
        """
        rows = 0
        wrong = list(self._wrong(planned))
        locked = []
        undone = [name for name, numbering in planned.items() if numbering is None]
        for name in planned.keys() - set(undone):
            rows += self._set_rows(name, planned)
        for done, (group, steps) in enumerate(wrong, 1):
            try:
                patiently(lambda group=group, steps=steps: self._move(group, steps))  # type: ignore[misc]
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                locked.append(group.label)
            progress(done, len(wrong))
        if locked:
            raise RefusedError(
                f"sequences stayed locked: {', '.join(locked)}",
                hint="end the transactions that hold them (see pg_stat_activity) and run the command again",
            )
        for name in undone:
            rows += self._set_rows(name, planned)
        for name in planned:
            with_short_lock(self.ends[name], sql.SQL("SELECT ucrepl.set_number_triggers()"))
        return Done(planned, rows, [group.label for group, _ in wrong])

    def _set_rows(self, name: str, planned: Mapping[str, Numbering | None]) -> int:
        """Writes down what a node does, and gives its ir.sequence their steps or prefixes. Returns how many it has."""
        end = self.ends[name]
        with end.transaction():
            end.execute("SELECT set_config('ucrepl.origin', 'numbers', true)")
            return [end.execute(statement).rowcount for statement in _rows(planned[name], planned)][-1]

    def _wrong(self, planned: Mapping[str, Numbering | None]) -> Iterator[tuple[Group, dict[str, _Step]]]:
        """The groups of which a counter is not as it should be, with how they are to count."""
        steps = {name: self._step(name, numbering) for name, numbering in planned.items()}
        if not any(steps.values()):
            return
        for group in groups(self.ends):
            here = {name: step for name in group.counters if (step := steps.get(name))}
            if not all(_fits(group.counters[name], step) for name, step in here.items()):
                yield group, here

    def _step(self, name: str, numbering: Numbering | None) -> _Step | None:
        """How the sequences of a node are to count; None where that stays as it is."""
        if numbering and (slot := numbering.as_slot()):
            return _Step(slot, {})
        before = self.before[name]
        if numbering is None and before and before.way == "interleave":
            rows = self.ends[name].execute("SELECT sequence_id, number_increment FROM ucrepl.numbered_sequence")
            return _Step(Slot(0, 1), dict(rows.fetchall()))
        return None

    def _move(self, group: Group, steps: Mapping[str, _Step]) -> None:
        """Has the sequences of a group go on above all numbers that any of them has given."""
        with ExitStack() as stack:
            for name, step in steps.items():
                stack.enter_context(self.ends[name].transaction())
                self.ends[name].execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT))
                with explained(name):
                    self.ends[name].execute(_alter(group.counters[name], step))
            greatest = max(_given(self.ends[name], counter) for name, counter in group.counters.items())
            for name, step in steps.items():
                self.ends[name].execute(_restart(group.counters[name], step, greatest))


def take_back(leaving: Ends, staying: Ends) -> frozenset[str]:
    """Has the nodes that leave number as Odoo does by itself, above all numbers that any of these nodes has given.

    Returns those for which that is a change. Raises as `Apart.run` does.
    """
    apart = Apart({**staying, **leaving})
    changed = frozenset(name for name in leaving if apart.before[name])
    apart.run(dict.fromkeys(changed))
    return changed


def _rows(numbering: Numbering | None, planned: Mapping[str, Numbering | None]) -> list[sql.Composed]:
    """What writes down what a node does, and then gives its ir.sequence their steps or prefixes."""
    if numbering is None:
        return [sql.Composed([sql.SQL(query("numbers_restore"))])]
    prefixes = [other.prefix for other in planned.values() if other and other.prefix is not None]
    write = sql.SQL(
        "INSERT INTO ucrepl.numbering (way, slot, slots, prefix, prefixes) VALUES ({}, {}, {}, {}, {}::text[])"
        " ON CONFLICT (singleton) DO UPDATE SET slot = excluded.slot, slots = excluded.slots,"
        " prefixes = excluded.prefixes"
    ).format(numbering.way, numbering.slot, numbering.slots, numbering.prefix, prefixes)
    return [
        write,
        sql.SQL("SELECT {}(id) FROM public.ir_sequence WHERE implementation = {}").format(
            sql.Identifier("ucrepl", "set_number_apart"), "standard"
        ),
    ]


def _fits(counter: Counter, step: _Step) -> bool:
    return counter.increment == step.increment(counter) and (step.slot.slots == 1 or counter.fits(step.slot))


def _sequence(counter: Counter) -> sql.Identifier:
    return sql.Identifier("public", counter.name)


def _alter(counter: Counter, step: _Step) -> sql.Composed:
    return sql.SQL("ALTER SEQUENCE {} INCREMENT BY {}").format(_sequence(counter), step.increment(counter))


def _restart(counter: Counter, step: _Step, greatest: int) -> sql.Composed:
    name = f'public."{counter.name}"'
    return sql.SQL("SELECT pg_catalog.setval({}::regclass, {}, false)").format(name, step.slot.first_above(greatest))


def _given(connection: Connection[TupleRow], counter: Counter) -> int:
    """The greatest number that a locked sequence has given."""
    statement = sql.SQL("SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {}")
    row = connection.execute(statement.format(_sequence(counter))).fetchone()
    return int(row[0]) if row else 0
