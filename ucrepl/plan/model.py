"""The plan of a link: what happens to each table and each column of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import Self

from ucrepl.plan.brought import Brought
from ucrepl.plan.catalog import Column, Table, TableName, UniqueIndex
from ucrepl.plan.references import Path, Reference, TextPattern

WIDE_SEQ, WIDE_TIMES, WIDE_ID = "ucrepl seq", "ucrepl times", "ucrepl id"
"""The columns of a table of wide rows besides the user's: the number of the change, when columns were changed, and the
local id that the row gets if it is new."""

ROUNDS = 5
"""So often the records of tables that refer to each other in a circle are looked for at the most."""


class Protection(IntEnum):
    """How far a column of the target may be changed by the source (the levels of the Universal Connector)."""

    ALWAYS = 0
    NOT_EMPTY = 1
    WHILE_EMPTY = 2
    NEVER = 3
    COUNTER = 4
    SUM = 5


@dataclass(frozen=True, slots=True)
class RecognitionKey:
    """The columns by which a new record is recognised; those in `may_be_empty` are then empty on both sides."""

    columns: tuple[str, ...]
    may_be_empty: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        """The key as packs and rules write it: a column that may be empty has a `?` behind its name."""
        bare = [name.removesuffix("?") for name in names]
        return cls(tuple(bare), frozenset(b for b, name in zip(bare, names, strict=True) if b != name))

    @property
    def filled(self) -> tuple[str, ...]:
        """The columns without which a record has not the key."""
        return tuple(name for name in self.columns if name not in self.may_be_empty)

    def __str__(self) -> str:
        return ", ".join(self.columns)


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """A column that both sides have, with what the rules say of it.

    A column that refers to another record has `refers_to` and its foreign key's `on_delete`; one whose record's table
    is named by the text in another column (`model` + `res_id`) has `model_column` instead, and one that refers in any
    other way `reference`; `known_from` tells where that is known from. `optional_rule` names the rule because of which
    a reference to a record that is not known becomes null; where it may not be null, its row is left out too. `missing`
    is what a rule or the link says of such references, None where neither does. `source_name`: what the source calls
    the column, if it has another name there, None where that is not known yet. `remembered`: where the record is not
    known it is written down, for it may come, or the null could go back. `lenient`: `optional_rule` leaves out
    some of the records only, so that the others are compared. `by_key`: it holds several values, each under a key, and
    is merged key by key. `is_stamp`: every write changes it, so that nothing is logged where both sides have.
    """

    column: Column
    protection: Protection = Protection.ALWAYS
    conflicts: str = "latest"
    refers_to: TableName | None = None
    on_delete: str = "a"
    model_column: str | None = None
    reference: Reference | None = None
    known_from: str = ""
    optional_rule: str | None = None
    missing: str | None = None
    source_name: str | None = ""
    lenient: bool = False
    remembered: bool = False
    by_key: bool = False
    is_stamp: bool = False

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def on_source(self) -> str:
        """The column's name on the source."""
        return self.source_name or self.name

    @property
    def is_reference(self) -> bool:
        """Whether its value is the id of a record."""
        return self.refers_to is not None or self.model_column is not None

    @property
    def is_mentioning(self) -> bool:
        """Whether it refers to records without a foreign key."""
        return self.model_column is not None or self.reference is not None

    @property
    def siblings(self) -> tuple[str, ...]:
        """The other columns of its row without which its value can't be translated."""
        if self.model_column:
            return (self.model_column,)
        return self.reference.siblings if self.reference else ()

    @property
    def is_uncertain(self) -> bool:
        """Whether its values are not always understood: then the local one stays."""
        return self.reference is not None and not self.reference.is_certain

    @property
    def is_local(self) -> bool:
        """Whether its values belong to their side: none is ever written."""
        return self.reference is not None and not self.reference.function and self.protection is Protection.NEVER

    @property
    def fetches(self) -> bool:
        """Whether a record to which it refers is fetched where none is known."""
        return self.missing == "fetch"

    @property
    def gives_ids(self) -> bool:
        """Whether a record that it mentions without a foreign key gets an id, though it may come later or never."""
        return self.is_mentioning and self.missing not in {"null", "park"}

    @property
    def is_needed(self) -> bool:
        """Whether a fetched row brings along the record to which it refers."""
        return self.fetches or (self.refers_to is not None and self.missing is None and self.optional_rule is None)

    @property
    def can_conflict(self) -> bool:
        """Whether two sides that change it are in conflict: not where the level of protection already decides."""
        return self.protection in {Protection.ALWAYS, Protection.NOT_EMPTY}

    @property
    def adds_up(self) -> bool:
        """Whether the difference that an update makes is added to the local value."""
        return self.protection is Protection.SUM

    @property
    def decided_by(self) -> str:
        """The policy that settles such a conflict: a column that every write changes parks nothing."""
        return "latest" if self.is_stamp and self.conflicts == "park" else self.conflicts


@dataclass(frozen=True, slots=True)
class NamedById:
    """A column of the source whose name has the id of a record, whose ids are mapped as those of table `space`.

    On the target it is called `before`, the id of the record there, `after`.
    """

    name: str
    remote_id: int
    space: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Signal:
    """How Odoo's workers are told that a cache is out of date: by the next number of a sequence, or a row of a table.

    `where`: columns and their values, in rows without which there is nothing to tell.
    """

    cache: str
    relation: TableName
    is_sequence: bool
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """What is added up: the columns `sums`, for each combination of the columns `by`. The rule `rule` says so."""

    by: tuple[str, ...]
    sums: tuple[str, ...]
    rule: str


@dataclass(frozen=True)
class TablePlan:
    """A table that is replicated. `number` is its number in `ucrepl.table_name` of the target.

    `space` is the number of the table in whose name its ids are mapped: another one where tables share their ids.
    `on_demand`: a rule skips it, so that its changes are left out, but rows come where a reference fetches them.

    `partial_rule` names the rule because of which some of its rows are left out (they belong to a skipped table).
    `protected_by` names the rule that lets its rows be recognised only: none is made, or deleted. `kept`: the condition
    that a row of the source (`row`) is replicated, empty where all are. `inserts_only`: updates and deletes are not.
    `brought`: which records are left to modules. `finds`: the rule by which some of its rows come to be found only.
    `masks`: column of the source -> the SQL of the text that leaves instead of its value (see `plan.mask`).
    `belongs_to`: columns that refer to records with which, once they are chosen for a subset, the row comes along.
    `named_by_ids`: columns of the source whose names have ids that are other ones on the target.
    `held_columns`: columns of the source for which the target has no place, and whose values are held until it has.
    `source_columns` are all that the source has. A change can have others, which it had when that was written: of them
    `late_columns`, which the target still has, are written, and the others held, if the table `holds_values`.
    `alike`: PostgreSQL's binary format of its rows is the same on both sides. `wide`: its new rows are staged with a
    column for each of theirs, besides the image (see `plan.wide`). `signals`: of which caches Odoo's workers are
    told when its rows were changed. `totals`: its rows are totals, of which differences go over. `numbered`: columns
    with a number that each node gives by itself. `stand_ins`: columns in which the source has what the way back masks.
    """

    number: int
    space: int
    table: Table
    columns: tuple[ColumnPlan, ...]
    recognition_keys: tuple[RecognitionKey, ...] = ()
    deleted: str = "delete"
    partial_rule: str | None = None
    masks: Mapping[str, str] = field(default_factory=dict)
    belongs_to: tuple[str, ...] = ()
    named_by_ids: tuple[NamedById, ...] = ()
    held_columns: tuple[str, ...] = ()
    source_columns: tuple[str, ...] = ()
    late_columns: tuple[Column, ...] = ()
    holds_values: bool = False
    alike: bool = False
    wide: bool = False
    on_demand: bool = False
    protected_by: str | None = None
    kept: str = ""
    inserts_only: bool = False
    brought: Brought | None = None
    finds: str | None = None
    signals: tuple[Signal, ...] = ()
    totals: Totals | None = None
    numbered: frozenset[str] = frozenset()
    stand_ins: frozenset[str] = frozenset()

    @property
    def name(self) -> TableName:
        """The table's name."""
        return self.table.name

    @property
    def surrogate(self) -> bool:
        """Whether its ids are mapped."""
        return self.table.surrogate and self.totals is None

    @cached_property
    def after(self) -> frozenset[TableName]:
        """The tables whose rows must be there before its own: those to which it refers, also by several columns."""
        return frozenset(c.refers_to for c in self.columns if c.refers_to) | {
            fk.table for fk in self.table.foreign_keys
        }

    @property
    def unique_indexes(self) -> tuple[UniqueIndex, ...]:
        """The target's unique indexes over columns that both sides have."""
        known = {c.name for c in self.columns}
        return tuple(index for index in self.table.unique_indexes if known.issuperset(index.columns))

    @cached_property
    def naming_indexes(self) -> tuple[UniqueIndex, ...]:
        """Those that say which record a row is: not those over a number that another record can have elsewhere."""
        if not self.surrogate:
            return ()
        return tuple(index for index in self.unique_indexes if self.numbered.isdisjoint(index.columns))

    @property
    def recognised_by(self) -> tuple[str, ...]:
        """The columns by which its records are recognised: those of keys, and those of unique indexes."""
        if not self.surrogate:
            return ()
        ways = [*(key.columns for key in self.recognition_keys), *(index.columns for index in self.unique_indexes)]
        return tuple(sorted({name for columns in ways for name in columns}))

    @property
    def wide_table(self) -> str:
        """The temporary table of its wide rows."""
        return f'pg_temp."rows of {self.number}"'

    @property
    def ids_table(self) -> str:
        """The temporary table of the local ids to which its wide rows refer."""
        return f'pg_temp."ids of {self.number}"'

    def column(self, name: str) -> ColumnPlan:
        """The plan of a column. Raises KeyError for one that is not replicated."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @cached_property
    def nulled(self) -> tuple[ColumnPlan, ...]:
        """The columns that become null for a record that is not known, which is remembered."""
        return tuple(c for c in self.columns if c.remembered and not self._is_needed(c))

    @cached_property
    def lacking(self) -> tuple[ColumnPlan, ...]:
        """The columns without whose record a row is left out, which is remembered."""
        return tuple(c for c in self.columns if c.remembered and self._is_needed(c))

    def _is_needed(self, column: ColumnPlan) -> bool:
        return column.column.not_null or column.name in self.table.key

    @cached_property
    def mentioning(self) -> tuple[ColumnPlan, ...]:
        """The columns that mention records by model name, which get ids then."""
        return tuple(c for c in self.columns if c.model_column and c.gives_ids)

    @property
    def watches_time(self) -> bool:
        """Whether the later change wins in one of its columns."""
        return any(c.can_conflict and c.decided_by == "latest" for c in self.columns)

    @property
    def key_columns(self) -> tuple[ColumnPlan, ...]:
        """The columns that identify a row, in the order of the key."""
        return tuple(self.column(name) for name in self.table.key)

    @property
    def value_columns(self) -> tuple[ColumnPlan, ...]:
        """The columns that are not part of the key."""
        return tuple(c for c in self.columns if c.name not in self.table.key)

    def chosen(self, names: Iterable[str]) -> tuple[ColumnPlan, ...]:
        """The columns outside the key that are among these names, in the table's order."""
        wanted = set(names)
        return tuple(c for c in self.value_columns if c.name in wanted)


@dataclass(frozen=True, slots=True)
class SkippedTable:
    """A table that is left out by the rule of this name. `on_demand`: rows may come where a reference fetches them."""

    name: TableName
    rule: str
    on_demand: bool = True


@dataclass(frozen=True, slots=True)
class RuleUse:
    """What a rule says of a table, or a `column` of it, or the rows for which `where` is true.

    `rule` is None for what no rule speaks of; `overrides` names the rule of a pack in whose place it stands.
    """

    table: str
    column: str | None
    where: str | None
    says: str
    rule: str | None
    overrides: str | None = None


@dataclass(frozen=True, slots=True)
class ModelTable:
    """An Odoo model, the number of the table in which its records are, that of their ids, and their sequence.

    `is_protected`: its records are never made, or are in no pair, so that one that is only mentioned gets no id.
    """

    model: str
    table: int
    space: int
    sequence: str
    is_protected: bool = False


@dataclass(frozen=True)
class LinkPlan:
    """The whole plan of a link.

    `groups` are the tables in the order in which rows can be inserted: a group is one table, or tables that refer to
    each other in a circle. `missing` are tables of the source that have no place on the target: their changes are held.
    `external_ids` is the number of the table of external ids. `defers`: the target has constraints that can be checked
    as late as at commit.
    `checks_at_once`: foreign keys of many rows may be checked all at once on the target, instead of one by one.
    `masks`: those of all tables of the source, also of tables that the target has not. `patterns`: how ids stand in
    texts. `source_hstore` is the schema of that extension on the source, `hstore_schema` on the target.
    `shared_with`: all peers that share ids with the target, the source among them; empty where ids are mapped.
    `ids_differ`: some records have another id on the source all the same.
    `routes`: the SQL of the number that a change of a table has: that of the table, or, below zero, one of `left_out`,
    number -> the rule that leaves it out. `rules`: what rules say of tables, columns and rows. `fills`: up to this
    transaction of the source changes may come that only fill columns which it has just made (see `link.made`);
    `altered`: up to this one changes may have columns that its tables have no more.
    """

    peer_id: int
    hstore_schema: str
    source_hstore: str
    ships_pairs: bool
    tables: dict[int, TablePlan]
    groups: tuple[tuple[int, ...], ...]
    skipped: dict[int, SkippedTable] = field(default_factory=dict)
    missing: dict[int, TableName] = field(default_factory=dict)
    models: tuple[ModelTable, ...] = ()
    external_ids: int | None = None
    defers: bool = False
    checks_at_once: bool = False
    masks: Mapping[TableName, Mapping[str, str]] = field(default_factory=dict)
    patterns: tuple[TextPattern, ...] = ()
    shared_with: tuple[int, ...] = ()
    ids_differ: bool = False
    routes: Mapping[TableName, str] = field(default_factory=dict)
    left_out: dict[int, str] = field(default_factory=dict)
    rules: tuple[RuleUse, ...] = ()
    fills: int = 0
    altered: int = 0

    @property
    def same_ids(self) -> bool:
        """Whether every id of the source means the same record on the target."""
        return bool(self.shared_with) and not self.ids_differ

    @property
    def has_several_peers(self) -> bool:
        """Whether other nodes than the source know its records by the same ids."""
        return len(self.shared_with) > 1

    @property
    def peers(self) -> str:
        """The peers of which the same is to be known as of the source, as a list for `IN`."""
        return f"({', '.join(map(str, self.shared_with or (self.peer_id,)))})"

    @cached_property
    def by_name(self) -> dict[TableName, TablePlan]:
        """The replicated tables by their names."""
        return {plan.name: plan for plan in self.tables.values()}

    @cached_property
    def followed(self) -> dict[int, TablePlan]:
        """The tables whose rows are copied: not those of totals, or of which rows are recognised, or come on demand."""
        return {n: t for n, t in self.tables.items() if not (t.on_demand or t.protected_by or t.totals)}

    @cached_property
    def held_by_totals(self) -> dict[int, list[tuple[TablePlan, ColumnPlan]]]:
        """The tables to whose records totals belong, with the tables of these totals and their columns."""
        found: dict[int, list[tuple[TablePlan, ColumnPlan]]] = {}
        for table in self.totals.values():
            for column in (table.column(name) for name in (table.totals.by if table.totals else ())):
                if column.refers_to in self.by_name:
                    found.setdefault(self.by_name[column.refers_to].number, []).append((table, column))
        return found

    @cached_property
    def adding(self) -> dict[int, tuple[ColumnPlan, ...]]:
        """The columns that add up, of the tables of records that have any."""
        found = {n: tuple(c for c in t.columns if c.adds_up) for n, t in self.tables.items() if not t.totals}
        return {number: columns for number, columns in found.items() if columns}

    @cached_property
    def totals(self) -> dict[int, TablePlan]:
        """The tables whose rows are totals."""
        return {number: table for number, table in self.tables.items() if table.totals and not table.on_demand}

    @cached_property
    def protected(self) -> dict[TableName, str]:
        """The tables whose rows are recognised only, with the rules that say so."""
        return {table.name: table.protected_by for table in self.tables.values() if table.protected_by}

    def taking_over(self) -> Self:
        """The plan for whole rows of the source: what it has only instead of values of the target is not taken over."""
        tables = {
            number: replace(
                table,
                columns=tuple(
                    replace(c, protection=Protection.NEVER) if c.name in table.stand_ins else c for c in table.columns
                ),
            )
            for number, table in self.tables.items()
        }
        return replace(self, tables=tables)

    @cached_property
    def naming(self) -> dict[int, tuple[str, ...]]:
        """The tables in which columns, of these names on the source, name models, if some models have no table here."""
        if not self.missing:
            return {}
        found = {
            number: tuple(dict.fromkeys(name for c in table.columns for name in _model_names(table, c)))
            for number, table in self.followed.items()
        }
        return {number: names for number, names in found.items() if names}

    @cached_property
    def fetches(self) -> bool:
        """Whether there are references that fetch what is missing."""
        return any(c.fetches for table in self.tables.values() for c in table.columns)

    @cached_property
    def has_caches(self) -> bool:
        """Whether Odoo's workers are to be told of changes of some tables."""
        return any(table.signals for table in self.tables.values())

    def number_of(self, name: TableName) -> int:
        """The number of a table of the source. Raises KeyError for another one."""
        if name in self.by_name:
            return self.by_name[name].number
        return self._numbers_of_others[name]

    @cached_property
    def _numbers_of_others(self) -> dict[TableName, int]:
        skipped = {table.name: number for number, table in self.skipped.items()}
        return skipped | {name: number for number, name in self.missing.items()}

    def space_of(self, name: TableName) -> int:
        """The number under which the ids of a table of the source are mapped."""
        return self.by_name[name].space if name in self.by_name else self.number_of(name)

    def in_circle(self, one: int, other: int) -> bool:
        """Whether two tables refer to each other in a circle, so that their rows are written in one statement."""
        place = self.group_of.get(one)
        return place is not None and place == self.group_of.get(other)

    @cached_property
    def followed_up(self) -> Mapping[int, tuple[ColumnPlan, ...]]:
        """The columns of each table of which something is to be done once their rows are written.

        Where all ids are the same ones that is only what is never written as it came: nested sets.
        """
        return {
            number: tuple(
                c
                for c in table.columns
                if (c.is_local or not self.same_ids) and (c.is_uncertain or (c.reference and c.reference.parent))
            )
            for number, table in self.tables.items()
        }

    def ordered(self, present: Iterable[int]) -> Iterator[tuple[TablePlan, ...]]:
        """The groups in the order of insertion, with only the tables that are present in a batch."""
        wanted = set(present)
        for place in sorted({self.group_of[number] for number in wanted if number in self.group_of}):
            yield tuple(self.tables[number] for number in self.groups[place] if number in wanted)

    def by_recognition(self, present: AbstractSet[int], *, indexes: bool = False) -> Iterator[tuple[TablePlan, ...]]:
        """The same groups in the order in which records are recognised.

        Last come tables with a key that refers without a foreign key, and those whose keys refer to them; with
        `indexes` also those whose unique indexes do so.
        """
        by_key, by_any = self._recognised_last
        last = by_any if indexes else by_key
        yield from self.ordered(present - last)
        yield from self.ordered(present & last)

    def by_recognition_twice(self, present: AbstractSet[int]) -> Iterator[tuple[TablePlan, ...]]:
        """The same where recognition gives no ids: what is found by a key is found before what needs any record."""
        by_key, by_any = self._recognised_last
        yield from self.ordered(present - by_key)
        yield from self.ordered(present & by_any)

    @cached_property
    def _recognised_last(self) -> tuple[AbstractSet[int], AbstractSet[int]]:
        """The tables that are recognised after others because of their keys, and those because of indexes, too."""
        tables = self.tables.values()
        by_key = {t.name: {name for key in t.recognition_keys for name in key.columns} for t in tables}
        return self._after_any_model(by_key), self._after_any_model({t.name: t.recognised_by for t in tables})

    def _after_any_model(self, looked_at: Mapping[TableName, Iterable[str]]) -> AbstractSet[int]:
        """The tables of which columns are looked at that refer without a foreign key, or to one of these tables."""
        columns = {table: [*map(self.by_name[table].column, names)] for table, names in looked_at.items()}
        last = {
            table
            for table, some in columns.items()
            if any(c.model_column or (c.reference and c.reference.kind in {"by_model", "object"}) for c in some)
        }
        while more := {table for table, some in columns.items() if any(c.refers_to in last for c in some)} - last:
            last |= more
        return {self.by_name[table].number for table in last}

    @cached_property
    def group_of(self) -> Mapping[int, int]:
        """The place in `groups` of the group of each table."""
        return {number: place for place, group in enumerate(self.groups) for number in group}


def _model_names(table: TablePlan, column: ColumnPlan) -> Iterator[str]:
    """The columns of a row in which the models stand of the records to which a column refers."""
    known = {c.name: c.on_source for c in table.columns}
    if column.model_column in known:
        yield known[column.model_column]
    elif column.reference and column.reference.kind == "by_model":
        paths = (a for a in column.reference.arguments if isinstance(a, Path))
        yield from (
            known[path.column]
            for path in paths
            if not (path.hops or path.choices or path.field) and path.column in known
        )
    elif column.reference and column.reference.kind == "model_id":
        yield column.on_source
