"""Applies staged changes on the target: set-based, in the order identify, insert, update, delete."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import psycopg
from psycopg import Connection
from psycopg.errors import ForeignKeyViolation, SerializationFailure
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.applied import Applied, NeedsOrderError
from ucrepl.link.cached import CachedRows
from ucrepl.link.found import FoundOnly
from ucrepl.link.locking import lock_rows
from ucrepl.link.ordered import Ordered
from ucrepl.link.refused import RefusedChangesError, is_of_one_row, refused_changes
from ucrepl.link.source import StalePlanError
from ucrepl.link.staged import Staged, read_staged
from ucrepl.link.statements import Statements
from ucrepl.plan import conflict, foreign_keys, held, identify, numbers, paths, rename, stopgap, totals, wide, write
from ucrepl.plan.model import ROUNDS, ColumnPlan, LinkPlan, TablePlan

if TYPE_CHECKING:
    from ucrepl.link.fetch import Fetcher
    from ucrepl.link.files.courier import Courier
    from ucrepl.link.inquire import Inquirer

MANY_ROWS = 1000
"""From so many changes on statements are planned anew for each batch, with statistics of its own."""

MOST_UNANALYZED = 200_000
"""After so many new ids at the latest the identity map is analyzed again."""


class Applier(Statements):
    """Applies what is staged in `pg_temp.change` of the target's session.

    `seeding`: what is staged are rows of the source, each once, for which recognition has been done. `fetcher` fetches
    what is referred to and is not here, `inquirer` asks the source who unknown records are, `courier` brings the files
    of attachments. `looks_back`: changes may have columns that the source has no more.
    With `patience` the rows are locked before the first is written, and one that somebody holds is waited for, at the
    most so many seconds, while no other one is locked.
    `unsent`: keys and names of columns of a table that whole rows of the source do not change here: it has nothing
    there but what stands for a record that it does not know.
    """

    def __init__(
        self,
        connection: Connection[TupleRow],
        plan: LinkPlan,
        link_id: int,
        source_name: str,
        target_name: str,
        *,
        seeding: bool = False,
    ) -> None:
        super().__init__(connection, plan)
        self.seeding = seeding
        self.unsent: Mapping[int, Mapping[str, list[str]]] = {}
        self.fetcher: Fetcher | None = None
        self.inquirer: Inquirer | None = None
        self.courier: Courier | None = None
        self.link_id = link_id
        self.names = {"source_name": source_name, "target_name": target_name, "link": link_id}
        self.looks_back = not seeding
        self._cached_rows = CachedRows(connection, plan)
        self._ordered = Ordered(connection, plan, link_id)
        self._found_only = FoundOnly(connection, plan)
        self._sifts = False
        self.patience: float | None = None
        self._all_new: set[int] = set()  # tables of the batch of which all wide rows are new
        self._unanalyzed = 0
        self._analyze_at = MANY_ROWS

    def apply(
        self,
        *,
        parked: bool = False,
        closely: bool = False,
        careful: bool = False,
        alone: bool = False,
        sift: bool = False,
        before_write: Callable[[], None] = lambda: None,
    ) -> Applied:
        """Applies the staged changes.

        `parked`: changes of the link are parked, later ones of the same records must wait behind them.
        `closely`: the try before has failed: new records are recognised by unique indexes, too, and the source is asked
        who unknown records are.
        `careful`: that, and changes that refer to unknown records are looked for and parked before a statement fails on
        them.
        `alone`: a single change is staged, so that also an update of a key can be applied, or those of one TRUNCATE.
        `sift`: where a table's changes can't be written, it is found out which of them are refused.
        `before_write` is called when all records have their ids, before the first row is written.
        Raises NeedsOrderError for these otherwise, RefusedChangesError, StalePlanError, and what PostgreSQL raises.
        """
        result = Applied()
        self._sifts = sift
        if self.plan.defers:
            self._run("SET CONSTRAINTS ALL DEFERRED")
        if self.fetcher and self.fetcher.follows:
            result.changes += self.fetcher.leave_out()
        if not (alone or self.seeding):
            self._coalesce([*self.plan.totals, *self.plan.adding])
        staged = self._renamed(self._found_only.take_out(read_staged(self.connection, self.plan)))
        if not (alone or self.seeding or staged.tables.isdisjoint(self.plan.adding)):
            staged = self._coalesce_sums(staged)
        result.tables |= staged.tables
        if staged.ordered and not alone:
            raise NeedsOrderError
        staged = self._sort_out(staged, result, parked=parked)
        if staged.ordered:
            self._ordered.apply(result, looks_back=self.looks_back)
            self.translate_ids()
            staged = read_staged(self.connection, self.plan)
        closely |= careful
        if self.inquirer and self.inquirer.ask(staged, closely=closely):
            self.translate_ids()
        staged = self._bring(staged, result)
        if staged.changes:
            self._apply_set(staged, result, closely=closely, careful=careful, before_write=before_write)
        if self.plan.defers:
            self._run("SET CONSTRAINTS ALL IMMEDIATE")
        return result

    def _coalesce(self, apart: list[int]) -> None:
        """Merges the changes of records that have several, but of the tables with these numbers."""
        [(found,)] = self._run(query("several_changes")).fetchall()
        if found:
            self._run(self._query("coalesce"), {"apart": apart})

    def _coalesce_sums(self, staged: Staged) -> Staged:
        """Merges the changes of records with columns that add up, each with its own difference."""
        for number in staged.tables & self.plan.adding.keys():
            table = self.plan.tables[number]
            for column in self.plan.adding[number]:
                self._run(self._compile(("chain", column.name), totals.chain, table, column))
        self._coalesce([*self.plan.totals])
        return read_staged(self.connection, self.plan)

    def _bring(self, staged: Staged, result: Applied) -> Staged:
        """Brings what the changes need from the source: records to which they refer, and files."""
        if self.fetcher and self.fetcher.fetch(staged.inserts.keys() | staged.updates.keys()):
            staged = read_staged(self.connection, self.plan)
            if self.seeding:
                staged = self._take_out_doubtful(staged, result)
        if self.courier and self.courier.bring(staged.inserts.keys() | staged.updates.keys()):
            staged = read_staged(self.connection, self.plan)
        return staged

    def _renamed(self, staged: Staged) -> Staged:
        """Gives columns whose names have ids of the source the names that they have here."""
        tables = [t for n in staged.tables if (t := self.plan.tables.get(n)) and t.named_by_ids]
        for table in tables:
            self._run(self._compile("rename", rename.columns, table), {"link": self.link_id})
        return read_staged(self.connection, self.plan) if tables else staged

    def _sort_out(self, staged: Staged, result: Applied, *, parked: bool) -> Staged:
        """Takes out what is left out by rules, has no table here, or must wait behind a parked change."""
        if staged.unknown:
            raise StalePlanError
        if staged.skipped:
            rules = {number: table.rule for number, table in self.plan.skipped.items()} | self.plan.left_out
            self._run(query("leave_out_skipped"), {"numbers": list(rules), "rules": list(rules.values())})
        kept = self._hold(staged)
        result.held += kept
        if staged.keyless:
            self._run(query("note_keyless"), {"tables": list(self.plan.tables)})
            result.parked += (taken := self._park())
            kept += taken
        if parked:
            self._run(query("note_queued"), {"link": self.link_id, "totals": list(self.plan.totals)})
        taken = self._park() if parked else 0
        result.parked += taken
        staged = read_staged(self.connection, self.plan) if taken or kept else staged
        return self._take_out_doubtful(staged, result) if self.seeding else staged

    def _hold(self, staged: Staged) -> int:
        """Keeps the changes that have no place here. Returns how many."""
        missing = [number for number in staged.tables if number > 0 and number not in self.plan.tables]
        if not missing and self.plan.naming.keys().isdisjoint(staged.tables):
            return 0
        values = {"link": self.link_id, "tables": missing, **held.without_model(self.plan, staged.tables)}
        row = self._run(self._query("hold"), values).fetchone()
        return row[0] if row else 0

    def _hold_values(self, staged: Staged) -> None:
        """Keeps what the written changes have for columns that have no place here, in place of what is void now."""
        for number in staged.inserts.keys() | staged.updates.keys() | staged.deletes.keys():
            table = self.plan.tables[number]
            values = {"link": self.link_id}
            if self.looks_back and number not in staged.deletes.keys() - staged.inserts.keys() - staged.updates.keys():
                self._look_back(table)
            if not table.held_columns:
                continue
            if number in staged.inserts or number in staged.deletes:
                self._run(self._compile("forget values", held.forget_values, table), values)
            updated = staged.updates.get(number, (0, (), False))[1]
            if number in staged.inserts or not set(table.held_columns).isdisjoint(updated):
                self._run(self._compile("keep values", held.keep_values, table), values)

    def _look_back(self, table: TablePlan) -> None:
        """Writes, or keeps, what the changes have for columns that the source had when they were written."""
        if table.late_columns:
            self._run(self._compile("late", write.late, table))
        if table.holds_values:
            self._run(self._compile("keep unknown", held.keep_unknown, table), {"link": self.link_id})

    def _take_out_doubtful(self, staged: Staged, result: Applied) -> Staged:
        """Parks the rows of which recognition has found that they could be several records of this node."""
        self._run(query("note_doubtful"), {"link": self.link_id, "tables": list(staged.inserts)})
        taken = self._park()
        result.parked += taken
        return read_staged(self.connection, self.plan) if taken else staged

    def _take_out_taken_numbers(self, staged: Staged, result: Applied) -> Staged:
        """Parks the documents whose number is that of another record here: it is neither merged nor renumbered."""
        updates = ((self.plan.tables[number], names) for number, (_, names, _) in staged.updates.items())
        tables = [table for table, names in updates if numbers.may_take_number(table, names)]
        tables += [t for number in staged.inserts if numbers.is_numbered(t := self.plan.tables[number])]
        if not tables:
            return staged
        for table in dict.fromkeys(table.number for table in tables):
            self._run(self._compile("taken", numbers.note_taken, self.plan.tables[table]))
        self._forget_troubled(staged)
        parked = self._park()
        result.parked += parked
        return read_staged(self.connection, self.plan) if parked else staged

    def _apply_set(
        self, staged: Staged, result: Applied, *, closely: bool, careful: bool, before_write: Callable[[], None]
    ) -> None:
        small = staged.changes < MANY_ROWS
        self._all_new.clear()
        if not small:
            self._prepare_many(staged.tables)
        known = self._identify(staged, closely=closely, small=small)
        if not small:
            self._analyze_identity(sum(staged.inserts.values()))
        before_write()
        doubtful = self._park() if known else 0
        if doubtful or any(self.plan.tables[number].partial_rule for number in staged.inserts):
            result.parked += doubtful
            staged = read_staged(self.connection, self.plan)
        staged = staged if self.seeding else self._take_out_taken_numbers(staged, result)
        if careful:
            self._park_unresolved(staged, result)
            self._settle_dangling(staged, result)
            staged = read_staged(self.connection, self.plan)
        merges = self._merges(staged.inserts) if known else {}
        new = {number: rows - merges.get(number, 0) for number, rows in staged.inserts.items()}
        look = self._cached_rows.look(staged.tables, new, prepare=small)
        written = self._write(staged, small=small)
        disputed = {number for number, rows in written.items() if rows != staged.updates[number][0]}
        for members in self.plan.ordered(disputed | merges.keys()):
            for table in members:
                self._update_carefully(table, staged, result)
        self._follow_up(staged, small=small)
        self._add_up(staged, result, small=small)
        self._delete(staged, result, small=small)
        result.signals |= look.again()
        self._hold_values(staged)
        if not small:
            self._run("DROP INDEX IF EXISTS pg_temp.change_by_table", prepare=False)
        result.changes += staged.changes
        for number in staged.tables:
            if number in self.plan.tables:
                name = str(self.plan.tables[number].name)
                result.by_table[name] = (
                    staged.inserts.get(number, 0)
                    + staged.updates.get(number, (0,))[0]
                    + staged.deletes.get(number, 0)
                    + staged.totals.get(number, 0)
                )

    def _merges(self, inserts: Iterable[int]) -> dict[int, int]:
        """How many changes of each table are merged into a record that is here."""
        mapped = [table for number in inserts if (table := self.plan.tables[number]).surrogate]
        numbers, spaces = [t.number for t in mapped], [t.space for t in mapped]
        rows = self._run(query("merges"), {"peer": self.plan.peer_id, "numbers": numbers, "spaces": spaces}).fetchall()
        if any(differ for _, _, differ in rows):
            self.translate_ids()
        return {number: count for number, count, _ in rows}

    def _identify(self, staged: Staged, *, closely: bool, small: bool) -> bool:
        """Gives every record of the batch its local id. Returns whether some new ones are known here, or in doubt."""
        known = False
        touched = staged.inserts.keys() | staged.updates.keys()
        by_external_id = self.plan.external_ids
        if by_external_id in staged.inserts and not self.seeding:
            names = self.plan.tables[by_external_id]
            self._run(self._compile("external", identify.recognise_by_external_id, names), prepare=small)
        for members in self.plan.by_recognition(touched, indexes=closely):
            new = [table for table in members if table.number in staged.inserts]
            self._recognise(new, closely=closely, small=small)
            for table in new:
                if table.protected_by:
                    self._run(self._compile("leave_out", conflict.leave_out_new, table), prepare=small)
                    continue
                if table.lacking:
                    self._run(self._compile("note left out", stopgap.note_left_out, table), prepare=small)
                if table.partial_rule:
                    self._run(self._compile("leave_out", conflict.leave_out, table), prepare=small)
                known |= self._identify_new(table, staged.inserts[table.number], small=small)
        if self.plan.models and not self.plan.shared_with:
            self._identify_mentioned(staged, small=small)
        return known

    def _identify_mentioned(self, staged: Staged, *, small: bool) -> None:
        """Gives an id to the records that are mentioned by model name: last, so that what is in the batch is known."""
        for number in staged.inserts.keys() | staged.updates.keys():
            table = self.plan.tables[number]
            for column in table.mentioning:
                if number in staged.inserts or column.name in staged.updates[number][1]:
                    self._identify_mentioned_by(table, column, small=small)

    def _identify_mentioned_by(self, table: TablePlan, column: ColumnPlan, *, small: bool) -> None:
        """Gives them an id where the source does not say that they are known here by what it has of them."""
        unknown = self._run(
            self._compile(("mentioned", column.name), identify.mentioned, table, column), prepare=small
        ).fetchall()
        if unknown:
            if self.inquirer:
                self.inquirer.ask_for(dict(unknown))
            self._run(self._compile(("mention", column.name), identify.mention, table, column), prepare=small)

    def _identify_new(self, table: TablePlan, inserts: int, *, small: bool) -> bool:
        """Gives the new records of a table ids where they have none. Returns whether not all of them are new."""
        if table.surrogate:
            allocated = self._run(self._compile("allocate", identify.allocate, table), prepare=small).rowcount
            if self.plan.has_several_peers:
                self._run(self._compile("spread", identify.spread, table), prepare=small)
            if allocated == inserts:
                if table.wide and self._run(self._compile("wide", wide.count, table)).fetchall() == [(inserts,)]:
                    self._all_new.add(table.number)
                    if wide.looked_up_ahead(table):
                        self._run(self._compile("look up", wide.look_up, table), prepare=False)
                        self._run(wide.analyze_ids(table), prepare=False)
                return False
            self._run(self._compile("revive", write.revive, table), prepare=small)
        elif not table.value_columns:
            return False
        self._run(self._compile("existing", identify.mark_existing, table), prepare=small)
        if unsent := self.unsent.get(table.number):
            self._run(self._compile("unsent", stopgap.leave_alone, table), unsent, prepare=False)
        return True

    def _recognise(self, tables: Sequence[TablePlan], *, closely: bool, small: bool) -> None:
        """Pairs new records of a circle of tables with local ones; a seeding has done so.

        Round by round, for keys may be references to records of the circle.
        """
        for _ in () if self.seeding else range(ROUNDS if len(tables) > 1 else 1):
            found = 0
            for table in tables:
                for kind, make, by in identify.ways(table, by_indexes=closely or table.protected_by is not None):
                    found += self._run(self._compile(kind, make, table, by), prepare=small).rowcount
            if not found:
                return

    def _analyze_identity(self, new: int) -> None:
        """Gives the planner statistics of the identity map before it has doubled without them.

        Without any, a large first batch would be joined to it row by row.
        """
        self._unanalyzed += new
        if self._unanalyzed >= self._analyze_at:
            self._run("SET LOCAL default_statistics_target = 100")
            self._run("ANALYZE (SKIP_LOCKED) ucrepl.identity", prepare=False)
            self._analyze_at = min(2 * self._unanalyzed, MOST_UNANALYZED)
            self._unanalyzed = 0

    def _write(self, staged: Staged, *, small: bool) -> dict[int, int]:
        """Inserts and updates. Returns how many rows the update of each table has reached.

        Tables in which this node has changed something later itself are left to the careful way.
        """
        if self.patience is not None:
            lock_rows(self.connection, self.plan, self._compile, staged, self.patience)
        insert = write.insert if small else write.insert_many
        for members in self.plan.ordered(staged.inserts):
            makes = [(t, write.insert_wide if t.number in self._all_new else insert) for t in members]
            statements = [(table, self._compile(make, make, table)) for table, make in makes]
            if self._checks_at_once(members, sum(staged.inserts[table.number] for table in members)):
                self._run_unchecked(foreign_keys.inserts(statements), members)
            else:
                self._write_rows(statements, "I", staged, prepare=small)
        reached: dict[int, int] = {}
        touched = self._touched(staged)
        for members in self.plan.ordered(staged.updates):
            for table in members:
                changes, names, uniform = staged.updates[table.number]
                if table.number in touched or any(c.adds_up for c in table.chosen(names)):
                    reached[table.number] = 0
                    continue
                statement = self._compile_update(table, names, uniform=uniform, guarded=True)
                if not statement:
                    continue
                if foreign_keys.concerned(table, names) and self._checks_at_once((table,), changes):
                    reached[table.number] = self._run_unchecked(foreign_keys.update(table, statement, names), (table,))
                else:
                    reached[table.number] = self._write_rows([(table, statement)], "U", staged, prepare=small)
        self._look_again(staged, reached.keys() - touched)
        return reached

    def _follow_up(self, staged: Staged, *, small: bool) -> None:
        """Does what follows from what was written.

        Builds paths of ancestors and nested sets again, counts what was not certain, and makes the sequences from which
        Odoo numbers.
        """
        for number in staged.inserts.keys() | staged.updates.keys():
            table = self.plan.tables[number]
            names = None if number in staged.inserts else staged.updates[number][1]
            for column in self.plan.followed_up[number]:
                parent = column.reference.parent if column.reference else None
                if names is None or column.name in names or parent in names:
                    make = paths.rebuild if parent else paths.count_uncertain
                    self._run(self._compile(("follow up", column.name), make, table, column), prepare=small)
            if nulled := tuple(c for c in table.nulled if names is None or c.name in names):
                self._run(self._compile(("stopgaps", nulled), stopgap.note, table, nulled), prepare=small)
        for table in (self.plan.tables[number] for number in staged.inserts.keys() | staged.updates.keys()):
            if numbers.counts(table) and (
                table.number in staged.inserts or not numbers.COUNTING.isdisjoint(staged.updates[table.number][1])
            ):
                self._run(self._compile("follow numbers", numbers.follow, table), prepare=False)

    def _add_up(self, staged: Staged, result: Applied, *, small: bool) -> None:
        """Adds the differences of totals to the local rows, and parks those that do not say to which.

        Rows that hold nothing then give way to the deletes of the records to which they belong.
        """
        tables = [self.plan.tables[number] for number in staged.totals]
        if sum(self._run(self._compile("untold", totals.note_untold, t), prepare=small).rowcount for t in tables):
            parked = self._park()
            result.parked += parked
            result.changes -= parked
        if tables:
            self._run(self._query("note_touched"), {"tables": list(staged.totals)})
        for table in tables:
            self._run(self._compile("add up", totals.add_up, table), prepare=small)
        for number in staged.deletes.keys() & self.plan.held_by_totals.keys():
            for table, column in self.plan.held_by_totals[number]:
                self._run(self._compile(("clear", column.name), totals.clear, table, column))

    def _checks_at_once(self, tables: Sequence[TablePlan], changes: int) -> bool:
        """Whether so many changes of these tables are written without a check of each foreign key, and then checked.

        Only where the role may do so, where nothing but these checks is left out, and where checking the rows takes
        longer than planning the statement that does it for all of them.
        """
        many = changes >= MANY_ROWS * len(tables)
        return self.plan.checks_at_once and many and not self._sifts and all(table.table.plain for table in tables)

    def _run_unchecked(self, statement: str, tables: Sequence[TablePlan]) -> int:
        """Runs a statement that checks foreign keys itself. Returns how many rows it has written.

        Raises ForeignKeyViolation.
        """
        self._run("SET LOCAL session_replication_role = replica", prepare=False)
        written = 0
        for position, columns, rows in self._run(statement, prepare=False):
            if columns:
                raise ForeignKeyViolation(f"{tables[position].name}: {rows} values of {columns} refer to nothing")
            written += rows
        self._run("SET LOCAL session_replication_role = origin", prepare=False)
        return written

    def _write_rows(
        self, statements: Sequence[tuple[TablePlan, str]], ops: str, staged: Staged, *, prepare: bool = True
    ) -> int:
        """Writes the changes of one of these kinds, of tables that refer to each other in one statement.

        Returns the number of rows where it is one table. Raises what PostgreSQL does, and RefusedChangesError.
        """
        texts = [statement for _, statement in statements]
        if not self._sifts or len(texts) > 1:
            return self._run(texts[0] if len(texts) == 1 else write.in_one_statement(texts), prepare=prepare).rowcount
        [(table, statement)] = statements
        try:
            with self.connection.transaction():
                return self._run(statement, prepare=prepare).rowcount
        except psycopg.Error as error:
            if not is_of_one_row(error.sqlstate, table, staged):
                raise
            refused = refused_changes(self.connection, statement, table, ops, staged)
            if not refused:
                raise
            raise RefusedChangesError(refused, error) from None

    def _look_again(self, staged: Staged, updated: set[int]) -> None:
        """Looks for what was committed here between the first look at the journal and the update that locked the row.

        Raises SerializationFailure, after which the batch is tried again, where an older value was written over it.
        """
        for number in self._touched(staged) & updated if updated else ():
            row = self._run(self._compile("overwritten", conflict.overwritten, self.plan.tables[number])).fetchone()
            if row and row[0]:
                raise SerializationFailure(f"{self.plan.tables[number].name} was changed while a batch was applied")

    def _touched(self, staged: Staged) -> set[int]:
        """The updated tables of which this node's own journal has later changes, where the later change wins."""
        watched = [number for number in staged.updates if self.plan.tables[number].watches_time]
        if not watched:
            return set()
        return {row[0] for row in self._run(self._query("note_touched"), {"tables": watched})}

    def _delete(self, staged: Staged, result: Applied, *, small: bool) -> None:
        if self.plan.has_several_peers:
            for number in staged.deletes:
                if (table := self.plan.tables[number]).surrogate:
                    self._run(self._compile("unknown deleted", conflict.note_unknown, table, "D"), prepare=small)
            parked = self._park()
            result.parked += parked
            result.changes -= parked
        for number in staged.deletes:
            if numbers.counts(table := self.plan.tables[number]):
                self._run(self._compile("drop numbers", numbers.drop, table), prepare=False)
            if table.nulled or table.lacking:
                self._run(self._compile("forget stopgaps", stopgap.forget_deleted, table), prepare=small)
        for members in reversed(list(self.plan.ordered(staged.deletes))):
            statements = [(table, self._compile("delete", write.delete, table)) for table in members]
            self._write_rows(statements, "D", staged, prepare=small)
            for table in members:
                if table.surrogate:
                    self._run(self._compile("bury", write.bury, table), prepare=small)

    def _update_carefully(self, table: TablePlan, staged: Staged, result: Applied) -> None:
        """Updates and merges of a table in which rows are gone, or hold other values than the source started from."""
        names = staged.updates.get(table.number, (0, (), False))[1]
        columns = table.chosen(names) if table.number not in staged.inserts else table.value_columns
        unknown = self._compile("unknown", conflict.note_unknown, table) if table.surrogate else None
        if unknown and self._run(unknown).rowcount and self.inquirer and self.inquirer.ask_for_missing(table):
            self._run(unknown)
        self._run(self._compile("gone", conflict.update_of_deleted, table))
        self._run(self._compile("lock", conflict.lock_rows, table))
        self._touched(staged)
        if any(c.can_conflict or c.adds_up for c in columns):
            self._run(self._compile(("collide", columns), conflict.collide, table, columns))
            self._run(self._query("judge_collisions"), self.names)
        self._settle_collisions(result)
        parked = self._park()
        result.parked += parked
        result.changes -= parked
        statement = self._compile_update(table, tuple(c.name for c in columns), uniform=False, guarded=False)
        if statement:
            self._write_rows([(table, statement)], "UM", staged)

    def _settle_collisions(self, result: Applied) -> None:
        settled = self._run(self._query("settle_collisions"), {"link": self.link_id}).fetchone()
        result.conflicts += settled[0] if settled else 0
        self._run("DELETE FROM pg_temp.collision")

    def _settle_dangling(self, staged: Staged, result: Applied) -> None:
        """Does to changes that refer to records deleted here what the foreign key would have done to their rows."""
        for members in self.plan.ordered(staged.inserts.keys() | staged.updates.keys()):
            for table in members:
                if table.deleted != "delete":
                    continue
                columns = [c for c in table.columns if c.refers_to in self.plan.by_name]
                nulled = [c for c in columns if c.on_delete == "n" and not c.column.not_null]
                cascaded = [c for c in columns if c.on_delete == "c"]
                if cascaded:
                    self._run(self._compile("drop dangling", conflict.drop_dangling, table, cascaded))
                if nulled:
                    self._run(self._compile("null dangling", conflict.null_dangling, table, nulled))
        self._settle_collisions(result)

    def _park_unresolved(self, staged: Staged, result: Applied) -> None:
        """Parks the changes that refer to unknown records, then those that refer to these, and so on."""
        touched = staged.inserts.keys() | staged.updates.keys()
        while True:
            for number in touched:
                table = self.plan.tables[number]
                if any(c.refers_to and not c.optional_rule for c in table.columns):
                    self._run(self._compile("unresolved", conflict.note_unresolved, table))
            self._forget_troubled(staged)
            parked = self._park()
            result.parked += parked
            if not parked:
                return

    def _forget_troubled(self, staged: Staged) -> None:
        """Takes back the ids of new records for which trouble was noted."""
        surrogates = [number for number in staged.inserts if self.plan.tables[number].surrogate]
        spaces = [self.plan.tables[number].space for number in surrogates]
        self._run(query("forget_troubled"), {"peer": self.plan.peer_id, "surrogates": surrogates, "spaces": spaces})

    def _park(self) -> int:
        """Parks what trouble was noted for. Returns how many changes."""
        return self._run(query("park_trouble"), {"link": self.link_id}).rowcount
