"""Replays a link, batch by batch: each is one transaction on the target, with the position in it."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.errors import LockNotAvailable, UniqueViolation
from psycopg.rows import TupleRow, dict_row

from ucrepl.config import Link
from ucrepl.db.sqlfiles import query
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.errors import RefusedError
from ucrepl.link.ahead import ReadAhead
from ucrepl.link.applied import Applied, NeedsOrderError
from ucrepl.link.apply import Applier
from ucrepl.link.fetch import fetcher_of, one_state
from ucrepl.link.files.courier import courier_of
from ucrepl.link.finer import FinerGrain, Part
from ucrepl.link.held.release import find_release
from ucrepl.link.inquire import Inquirer
from ucrepl.link.patience import brief_lock_timeout
from ucrepl.link.refused import UNRESOLVED
from ucrepl.link.setup import OpenLink
from ucrepl.link.signals import Signaller
from ucrepl.link.source import StalePlanError, Window
from ucrepl.link.stopgaps import put_right

PREPARED_STATEMENTS = 400
"""How many statements a session keeps prepared: a few for each table that is changed often."""


class MovedError(RefusedError):
    """The position is not the one from which the batch was read."""


class _PausedError(Exception):
    """The link was paused between two parts of a batch."""


PAIR_COLUMNS = "number, local_id, remote_id, deleted_at"
CHANGE_COLUMNS = "seq, xid, table_id, op, key, old, new, at"


@dataclass
class Batch:
    """What a batch did: changes applied, left out by rules, parked and held; bytes read; milliseconds of each step.

    `finer`: it could not be applied as a whole. `signals`: the caches of which Odoo's workers were told.
    `files`: those that were brought; `files_parked`: of those that could not be, name -> why.
    """

    position: str
    more: bool
    applied: int = 0
    skipped: int = 0
    parked: int = 0
    held: int = 0
    conflicts: int = 0
    bytes: int = 0
    files: int = 0
    files_parked: dict[str, str] = field(default_factory=dict)
    finer: bool = False
    by_table: dict[str, int] = field(default_factory=dict)
    signals: list[str] = field(default_factory=list)
    milliseconds: dict[str, float] = field(default_factory=dict)

    def count(self, applied: Applied) -> None:
        """Takes the numbers of what was applied."""
        self.applied, self.parked, self.conflicts = applied.changes, applied.parked, applied.conflicts
        self.by_table, self.held = applied.by_table, applied.held


class LinkReplayer:
    """Replays one link on the connections of an open link."""

    def __init__(self, link: Link, opened: OpenLink) -> None:
        self.link = link
        self.link_id = opened.link_id
        self.source = opened.source
        self.target = opened.target
        self.applier = Applier(opened.target, opened.plan, opened.link_id, link.source, link.target)
        self.applier.fetcher = fetcher_of(opened, self._reading)
        self.inquirer = Inquirer(opened.target, opened.plan, opened.link_id, self._reading)
        self.applier.inquirer = self.inquirer
        self.courier = courier_of(opened.target, opened.plan, opened.link_id, opened.route)
        self.applier.courier = self.courier
        self.finer = FinerGrain(opened.target, self.applier)
        self.signaller = Signaller(opened.target, opened.link_id, opened.bus)
        self._ahead: ReadAhead | None = None
        self._release = find_release(opened.target, opened.plan, opened.link_id)
        opened.target.prepared_max = PREPARED_STATEMENTS
        self._to_confirm: str | None = None
        self._brief = brief_lock_timeout(opened.target, link)

    def position(self) -> tuple[str, bool]:
        """The position of the link, and whether it is paused, or held by a seeding."""
        row = self.target.execute(
            "SELECT position::text, paused OR seeding FROM ucrepl.link WHERE link_id = %s", [self.link_id]
        ).fetchone()
        if row is None:
            raise RefusedError(f"link {self.link.name!r} is gone from its target", hint="run: ucrepl install")
        return row[0], row[1]

    def window(self, position: str) -> Window:
        """The batch that comes next, which may have been read already."""
        if self._ahead and self._ahead.position == position:
            window = self._ahead.window()
            if window.is_empty:
                self.stop_reading()
            return window
        self.stop_reading()
        return self.source.window(position, self.link.batch_rows)

    def stop_reading(self) -> None:
        """Drops what was read ahead: after an error, and before the connections are closed."""
        if self._ahead:
            self._ahead.close()
            self._ahead = None

    @contextmanager
    def _reading(self) -> Iterator[Connection[TupleRow]]:
        """The source as it is now, for what is fetched. What was read ahead is dropped: it has the connection."""
        self.stop_reading()
        with one_state(self.source.connection) as source:
            yield source

    def replay(self, position: str, window: Window) -> Batch:
        """Applies the batch from the position on and moves the position to its end. A paused link stays where it is.

        A batch that can't be applied as a whole is applied in parts, each in a transaction of its own. Raises psycopg
        errors that have to be tried again or that stop the link; the position is then as it was before, and what parts
        have been applied is noted: it is left out when the batch comes again.
        """
        started = time.perf_counter()
        self.applier.looks_back = self.applier.plan.altered >= int(position.partition(":")[0])
        try:
            batch = self._replay(position, window)
        except (NeedsOrderError, psycopg.Error) as error:
            self.stop_reading()
            batch = self._replay_again(position, window, error)
        except BaseException:
            self.stop_reading()
            raise
        self._sent(batch)
        batch.milliseconds["total"] = _since(started)
        return batch

    def _replay_again(self, position: str, window: Window, error: NeedsOrderError | psycopg.Error) -> Batch:
        """Applies a batch that could not be applied at once; in parts only if recognition does not do for it.

        What a unique index has refused may be a record that both sides have made, and so may one that is not known.
        Where somebody holds a row, the batch is applied once more with patience. Raises what is no reason to try again.
        """
        if isinstance(error, psycopg.Error) and error.sqlstate in {UniqueViolation.sqlstate, UNRESOLVED}:
            try:
                return self._replay(position, window, closely=True)
            except (NeedsOrderError, psycopg.Error) as again:
                self.stop_reading()
                error = again
        if isinstance(error, LockNotAvailable):
            return self._replay_parts(position, window, finer=False)
        if isinstance(error, psycopg.Error) and classify(error) is not Verdict.PARK:
            raise error
        return self._replay_parts(position, window)

    def retry_parked(self, parked_ids: list[int] | None = None) -> Applied:
        """Tries parked changes again, all or those given, each record's in order. Those that fail are parked again."""
        self.applier.looks_back = True
        with self.target.transaction():
            state = self._begin(None)
            self.finer.prepare()
            self._execute(query("take_parked"), {"link": self.link_id, "ids": parked_ids})
            result = self.finer.apply(parked=parked_ids is not None)
            self._put_right(state, result)
            self._finish(result)
        self._sent()
        return result

    def release_held(self) -> Applied | None:
        """Applies some of the held changes that have a place by now, the oldest ones; None where there are no more.

        To be called before a batch is replayed: later changes must not overtake them. While the link is paused nothing
        happens. Raises what `replay` raises.
        """
        if not self.inquirer.has_looked:
            self._look_for_strangers()
        if self._release is None:
            return None
        self.stop_reading()
        self.applier.looks_back = True
        with self.target.transaction():
            state = self._begin(None)
            if state["paused"]:
                return Applied()
            if not self._release.stage(self.target, self.link.batch_rows):
                self._release = None
                return None
            result = self._apply_staged(state)
            self._put_right(state, result)
            self._finish(result)
        self._sent()
        return result

    def _look_for_strangers(self) -> None:
        """Looks once for what was not known of the source when the link was last open: it may have been made here."""
        self.stop_reading()
        with self.target.transaction():
            if not self._begin(None)["paused"]:
                self.inquirer.look_again()

    def _apply_staged(self, state: dict[str, Any]) -> Applied:
        """Applies what is staged, in a finer grain where that can't be done at once."""
        try:
            with self.target.transaction():
                return self.applier.apply(parked=state["has_parked"], closely=True)
        except (NeedsOrderError, psycopg.Error) as error:
            if isinstance(error, psycopg.Error) and classify(error) is not Verdict.PARK:
                raise
        self.finer.prepare()
        self._execute(query("receive_staged"), {})
        return self.finer.apply(parked=state["has_parked"])

    def _put_right(self, state: dict[str, Any], result: Applied) -> None:
        """Puts right what stood for records that were not known, where they have come."""
        if state["has_stopgaps"]:
            signals, staged = put_right(self.target, self.applier.plan)
            result.signals |= signals
            if staged:
                result.add(self._apply_staged(state))

    def _sent(self, batch: Batch | None = None) -> None:
        """Does what comes after a commit: tells Odoo's workers, and sees that the files are still there."""
        self.signaller.send()
        if self.courier:
            self.courier.look_again()
            if batch:
                batch.files += self.courier.carried.files
                batch.files_parked |= self.courier.carried.refused
            self.courier.reset()

    def _finish(self, result: Applied, ends: str | None = None, *, finer: bool = False) -> tuple[int, list[str]]:
        """Counts what became of changes and notes of what workers are to be told; `ends`: the position moves there.

        Returns how many changes a rule has left out, and the names of the caches. Raises StalePlanError where a table
        that was written is another one by now.
        """
        signals = self.signaller.note(result.signals)
        written = [table for number in result.tables if (table := self.applier.plan.tables.get(number))]
        values: dict[str, object] = {
            "link": self.link_id,
            "ends": ends,
            "applied": result.changes,
            "conflicts": result.conflicts,
            "finer": int(finer),
            "numbers": [table.number for table in written],
            "names": [table.name.sql for table in written],
        }
        [(left_out, are_others)] = self._execute(query("advance"), values).fetchall() or [(0, False)]
        if are_others:
            raise StalePlanError
        return left_out, signals

    def confirm(self, position: str) -> None:
        """Tells the source how far the target has come, so that what nobody needs any more can go.

        While the next batch is being read the source hears it before the one after that.
        """
        self._to_confirm = position
        if not self._ahead:
            self._confirm()

    def _confirm(self) -> None:
        if self._to_confirm:
            self.source.connection.execute(
                "UPDATE ucrepl.consumer SET confirmed = %s, confirmed_at = now() WHERE link = %s",
                [self._to_confirm, self.link.name],
            )
            self._to_confirm = None

    def _changes(self, position: str, window: Window) -> Iterator[bytes]:
        """The changes of the batch, as they were or are being read."""
        if self._ahead and self._ahead.position == position:
            return self._ahead.changes()
        return self.source.changes(position, window)

    def _replay(self, position: str, window: Window, *, closely: bool = False) -> Batch:
        """Applies the batch as a whole. Raises NeedsOrderError also where it was begun in parts."""
        batch = Batch(position=window.ends, more=window.more)
        with self.target.transaction():
            state = self._begin(position)
            if state["paused"]:
                return Batch(position=position, more=False)
            if state["is_begun"]:
                raise NeedsOrderError
            self._take_pairs_for(position, window, batch, complete=state["pairs_complete"])
            applied = Applied()
            if window.has_changes:
                self._receive("change", position, window, batch)
                if window.more:
                    self._confirm()
                    self._ahead = ReadAhead(self.source, window.ends, self.link.batch_rows)
                begun = time.perf_counter()
                applied = self.applier.apply(parked=state["has_parked"], closely=closely)
                batch.milliseconds["apply"] = _since(begun)
            self._put_right(state, applied)
            batch.skipped, batch.signals = self._finish(applied, window.ends)
            begun = time.perf_counter()
        batch.milliseconds["commit"] = _since(begun)
        batch.count(applied)
        return batch

    def _replay_parts(self, position: str, window: Window, *, finer: bool = True) -> Batch:
        """Applies the batch in parts, of which each is a transaction on the target; the position moves with the last.

        Nobody waits for a lock of the whole batch, and what has been applied stays so, whatever comes after it. Each
        part locks its rows before it writes. `finer`: it is known that one part will not do.
        """
        batch = Batch(position=window.ends, more=window.more, finer=finer)
        with self.target.transaction():
            state = self._begin(position)
            if state["paused"]:
                return Batch(position=position, more=False)
            self._take_pairs_for(position, window, batch, complete=state["pairs_complete"])
            self.finer.prepare()
            if window.has_changes:
                self._receive("received", position, window, batch)
            self._execute(query("leave_out_applied"), {"link": self.link_id})
        step, patience = partial(self._part, position, batch), self.link.lock_timeout_ms / 1000
        begun = time.perf_counter()
        try:
            batch.count(self.finer.apply(parked=False, step=step, patience=patience))
            self._put_right_after_parts(batch)
        except _PausedError:
            return Batch(position=position, more=False)
        batch.milliseconds["apply"] = _since(begun)
        return batch

    @contextmanager
    def _part(self, position: str, batch: Batch, part: Part) -> Iterator[None]:
        """What surrounds a part of a batch: a transaction on the target, with what it has applied."""
        self._sent(batch)  # of the part before: an error of it must not undo what is committed
        with self.target.transaction():
            state = self._begin(position)
            if state["paused"]:
                raise _PausedError
            part.parked = state["has_parked"]
            is_last = part.last == self.finer.last
            batch.finer |= not (is_last and part.first == 1)
            if not is_last:
                places: dict[str, object] = {"link": self.link_id, "first": part.first, "last": part.last}
                self._execute(query("note_applied"), places)
            yield
            ends, finer = (batch.position, batch.finer) if is_last else (None, False)
            skipped, signals = self._finish(part.applied, ends, finer=finer)
            if is_last:
                self._execute(query("forget_applied"), {"link": self.link_id, "ends": batch.position})
        batch.skipped += skipped
        batch.signals = sorted({*batch.signals, *signals})

    def _put_right_after_parts(self, batch: Batch) -> None:
        """Puts right, in a transaction of its own, what stood for records that have come with the parts of a batch."""
        with self.target.transaction():
            state, result = self._begin(None), Applied()
            if state["paused"] or not state["has_stopgaps"]:
                return
            self._put_right(state, result)
            skipped, signals = self._finish(result)
        batch.skipped += skipped
        batch.signals = sorted({*batch.signals, *signals})

    def _receive(self, table: str, position: str, window: Window, batch: Batch) -> None:
        """Copies the changes of the batch into a temporary table of the target's session."""
        begun = time.perf_counter()
        self._copy_in(table, CHANGE_COLUMNS, self._changes(position, window), batch)
        if (plan := self.applier.plan).fills >= int(position.partition(":")[0]):
            self._execute(query("note_filled", plan.hstore_schema).replace("@changes@", table), {})
        self.stop_reading()
        batch.milliseconds["copy"] = _since(begun)

    def _begin(self, position: str | None) -> dict[str, Any]:
        """Locks the position; it must be the one from which the batch was read."""
        if self.courier:
            self.courier.reset()
        with self.target.cursor(row_factory=dict_row) as cursor:
            state = cursor.execute(
                query("begin_batch"),
                {
                    "link": self.link_id,
                    "origin": self.link.source,
                    "patience": f"{self.link.lock_timeout_ms}ms",
                    "brief": self._brief,
                },
                prepare=True,
            ).fetchone()
        if state is None or (position is not None and state["position"] != position):
            raise MovedError(
                f"the position of link {self.link.name!r} was moved by somebody else",
                hint="only one daemon may replay a link: look for another one with: ucrepl status",
            )
        return state

    def _take_pairs_for(self, position: str, window: Window, batch: Batch, *, complete: bool) -> None:
        """Takes over the pairs of ids that come before the changes of a batch; `complete`: the older ones are here."""
        if not complete:
            self.stop_reading()
            self.take_all_pairs(batch)
        elif window.has_pairs:
            self._take_pairs_of(position, window, batch)

    def take_all_pairs(self, batch: Batch | None = None) -> None:
        """Takes over all pairs of ids that the source has, in the transaction at hand."""
        self._take_pairs(self.source.pairs(None, None), batch or Batch("", more=False))

    def _take_pairs_of(self, position: str, window: Window, batch: Batch) -> None:
        """Takes over the pairs of ids that belong to a batch."""
        if self._ahead:
            self._take_pairs(self._ahead.pairs(), batch)
        elif window.touched is None:
            self._take_pairs(self.source.pairs(position, window.ends), batch)
        else:
            self._execute(query("stage_pairs"), {"pairs": self.source.few_pairs(position, window.ends)})
            self._apply_pairs()

    def _take_pairs(self, blocks: Iterable[bytes], batch: Batch) -> None:
        self._copy_in("pair", PAIR_COLUMNS, blocks, batch)
        self._apply_pairs()

    def _apply_pairs(self) -> None:
        values: dict[str, object] = {"peer": self.applier.plan.peer_id}
        self._execute(query("free_pairs"), values)
        [(ids_differ,)] = self._execute(query("apply_pairs"), values).fetchall()
        if ids_differ:
            self.applier.translate_ids()

    def _copy_in(self, table: str, columns: str, blocks: Iterable[bytes], batch: Batch) -> None:
        statement = f"COPY pg_temp.{table} ({columns}) FROM STDIN (FORMAT binary)"
        with self.target.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for block in blocks:
                batch.bytes += len(block)
                copy.write(block)

    def _execute(self, statement: str, values: dict[str, object]) -> psycopg.Cursor[TupleRow]:
        return self.target.execute(statement.encode(), values, prepare=True)


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
