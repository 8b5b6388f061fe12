"""A lane of a seeding: sessions that read the snapshot of the source, and one that writes to the target."""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import replace

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.backoff import Backoff
from ucrepl.config import Link
from ucrepl.db.sqlfiles import query
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.link.applied import Applied
from ucrepl.link.apply import Applier
from ucrepl.link.fetch import Fetcher
from ucrepl.link.finer import FinerGrain
from ucrepl.link.patience import brief_lock_timeout
from ucrepl.link.signals import Signaller
from ucrepl.plan import wide as wide_rows
from ucrepl.plan.model import LinkPlan

PATIENCE_SECONDS = 300.0
"""How long somebody who is in the way is put up with."""


class Lane:
    """Writes staged changes with the statements of replay.

    `reader` reads a table from its beginning to its end, `puller` single rows meanwhile. `wide_plan` is the plan for
    tables whose new rows are staged without images: those with the numbers `wide`.
    """

    def __init__(
        self,
        link: Link,
        plan: LinkPlan,
        link_id: int,
        target: Connection[TupleRow],
        readers: tuple[Connection[TupleRow], Connection[TupleRow]],
        wide: Collection[int] = (),
    ) -> None:
        self.link = link
        self.plan = plan
        self.link_id = link_id
        self.target = target
        self.reader, self.puller = readers
        self.wide_plan = replace(plan, tables={n: replace(t, wide=n in wide) for n, t in plan.tables.items()})
        self.applier = Applier(target, plan, link_id, link.source, link.target, seeding=True)
        self._wide_applier = Applier(target, self.wide_plan, link_id, link.source, link.target, seeding=True)
        if plan.fetches:
            fetcher = Fetcher(target, plan, link_id, lambda: nullcontext(self.puller), follows=False)
            self.applier.fetcher = self._wide_applier.fetcher = fetcher
        self._finer = FinerGrain(target, self.applier)
        self._signaller = Signaller(target, link_id)
        self._brief = brief_lock_timeout(target, link)
        self.run(query("staging_seed"))
        for number in wide:
            self.run(wide_rows.create(plan, plan.tables[number]))

    def apply(
        self,
        stage: Callable[[LinkPlan], int],
        *,
        wide: bool = False,
        wait: Callable[[], None] = lambda: None,
    ) -> tuple[int, Applied]:
        """Applies what `stage` stages for a plan, in a transaction of its own; what can't be applied is parked.

        `wide`: rows may be staged without images, for the wide plan. `wait` is called before anything is written.
        Returns how many rows were staged, and what became of them. What passes by itself is tried again for some
        minutes; raises what does not.
        """
        applier = self._wide_applier if wide else self.applier
        backoff = Backoff(base=0.05, cap=2.0)
        until = time.monotonic() + PATIENCE_SECONDS
        finer = False
        while True:
            try:
                with self.target.transaction():
                    self.begin()
                    if finer:
                        wait()
                        staged, applied = stage(self.plan), self._apply_finer()
                    else:
                        staged, applied = stage(applier.plan), applier.apply(before_write=wait)
                    self._signaller.note(applied.signals)
            except psycopg.Error as error:
                verdict = classify(error)
                if verdict is Verdict.PARK and not finer:
                    finer = True
                    continue
                if verdict is not Verdict.RETRY or time.monotonic() > until:
                    raise
            else:
                self._signaller.send()
                return staged, applied
            time.sleep(backoff.next_delay())

    def leave_alone(self, unsent: Mapping[int, Mapping[str, list[str]]]) -> None:
        """Has these columns keep what they hold: table -> keys and names that go together."""
        self.applier.unsent = self._wide_applier.unsent = unsent

    def begin(self) -> None:
        """Sets what holds for a transaction that writes to the target: its changes are the source's."""
        self.run(
            "SELECT set_config('ucrepl.origin', %(origin)s, true), set_config('lock_timeout', %(timeout)s, true)",
            {"origin": self.link.source, "timeout": self._brief},
        )

    def run(self, statement: str, values: Mapping[str, object] | None = None) -> psycopg.Cursor[TupleRow]:
        """Runs a statement on the target."""
        return self.target.execute(statement.encode(), values)

    def query(self, name: str) -> str:
        """The text of a named query."""
        return query(name, self.plan.hstore_schema)

    def _apply_finer(self) -> Applied:
        self._finer.prepare()
        self.run(self.query("receive_staged"))
        return self._finer.apply(parked=False)
