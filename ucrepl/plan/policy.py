"""Policies: what the rules of packs, and of the configuration before them, say of a table and of its rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from ucrepl.config import Action, Mode, Rule, Totals
from ucrepl.errors import ConfigError
from ucrepl.packs import Packs, PolicyRule
from ucrepl.packs.policies import ALL_COLUMNS
from ucrepl.plan.brought import Brought
from ucrepl.plan.catalog import Table, TableName
from ucrepl.plan.mask import ROW
from ucrepl.plan.model import Protection, RuleUse

ALL_TABLES = "*"
COPIED: frozenset[Action] = frozenset({"replicate", "insert-only"})
"""The actions with which rows are written on the target."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The rules of all tables: those of the configuration, those of packs for the policy of a link, if it has one.

    `transient` are the tables of models that Odoo calls transient.
    """

    rules: Sequence[Rule]
    packs: Packs
    policy: Mode | None
    transient: AbstractSet[TableName] = frozenset()

    def of(self, table: Table, target: Table | None) -> "Policy":
        """What the rules say of a table of the source, and of the target's one. Raises ConfigError for a condition."""
        name = table.name
        packed = list(self._of_packs(name))
        of_table = [(rule, action) for rule, action in packed if rule.where is None]
        first = of_table[0][0] if of_table else None
        rows = tuple(_of_rows(packed, table))
        own = self._own(name)
        said, action = self._whole(name)
        if first and not own and ALL_TABLES in first.tables and (both := self._protects_both(table)):
            said, action = both, "protect"
        overrides = dict.fromkeys([*(row.rule for row in rows), *([first.name] if first else [])])
        columns = [rule for rule, does in of_table if action != "protect" or (rule is first and does == action)]
        return Policy(
            table=name,
            action=action,
            rule=said,
            overrides=", ".join(overrides) or None if own else None,
            brought=self._brought(table, first) if first and said == first.name and action == "replicate" else None,
            rows=() if own or not (action in COPIED or any(row.action in COPIED for row in rows)) else rows,
            levels=_levels([(r.name, r.columns) for r in columns], table, target),
            own_levels=_levels([(r.name, r.protect) for r in self.rules if r.matches(*name)], table, target),
            withheld={c: rule.name for rule in reversed(columns) for c in rule.withhold if c in table.columns},
            totals=self._totals(name) if action in COPIED else None,
        )

    def _totals(self, name: TableName) -> tuple[Totals, str] | None:
        """Of what the rows of a table are totals, and the rule that says so."""
        own = ((rule.totals, rule.name) for rule in self.rules if rule.totals and rule.matches(*name))
        packed = ((rule.totals, rule.name) for rule, _ in self._of_packs(name) if rule.totals)
        return next(own, None) or next(packed, None)

    def _brought(self, table: Table, rule: PolicyRule) -> Brought | None:
        """What a rule leaves to modules, None where it does not."""
        return Brought(rule.name, self.packs.models_of(str(table.name))) if rule.brought and table.surrogate else None

    def _own(self, name: TableName) -> Rule | None:
        """The rule of the configuration that decides about all rows of a table."""
        return next((rule for rule in self.rules if rule.does and rule.matches(*name)), None)

    def _whole(self, name: TableName) -> tuple[str | None, Action]:
        """The rule that decides about the rows of which no other one does, and what it says."""
        own = self._own(name)
        if own and own.does:
            return own.name, own.does
        return next(
            ((rule.name, does) for rule, does in self._of_packs(name) if rule.where is None), (None, "replicate")
        )

    def _protects_both(self, table: Table) -> str | None:
        """The rule that protects a record on either side, where rows only say which two records belong together."""
        ends = {c: self._whole(fk.table) for fk in table.foreign_keys for c in fk.columns if c in table.key}
        links = not table.surrogate and len(table.key) > 1 and ends.keys() == set(table.key)
        return ends[table.key[0]][0] if links and all(says == "protect" for _, says in ends.values()) else None

    def _of_packs(self, name: TableName) -> Iterator[tuple[PolicyRule, Action]]:
        for rule in self.packs.policies if self.policy else ():
            action = rule.does(self.policy) if self.policy else None
            if action and rule.matches(*name) and (name in self.transient or not rule.transient):
                yield rule, action


def leaves_out(policies: Policies, table: Table) -> bool:
    """Whether the rules keep some or all rows of a table from being written on the target."""
    policy = policies.of(table, None)
    return policy.action not in COPIED or bool(policy.left_out)


@dataclass(frozen=True, slots=True)
class RowRule:
    """What a rule says of the rows for which `condition` is true, the SQL of `where` over the row.

    `recognises`: rows that are left out are sent to be found.
    """

    rule: str
    action: Action
    where: str
    condition: str
    recognises: bool = False


@dataclass(frozen=True)
class Policy:
    """What becomes of the rows of a table: `action`, but first that of the first of `rows` that is for a row.

    `rule` says so, None where none does; it stands in the place of those that are named in `overrides`. `levels`:
    column -> the level of protection that a pack gives it, and its rule; `own_levels`: what the configuration says of
    it, which counts more; `withheld`: column that stays on the source -> the rule. `brought`: what is left to modules.
    `totals`: of what its rows are totals, and the rule that says so.
    """

    table: TableName
    action: Action
    rule: str | None
    overrides: str | None = None
    brought: Brought | None = None
    rows: tuple[RowRule, ...] = ()
    levels: dict[str, tuple[Protection, str]] = field(default_factory=dict)
    own_levels: dict[str, tuple[Protection, str]] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)
    totals: tuple[Totals, str] | None = None

    @property
    def skips(self) -> bool:
        """Whether no row is written on the target, or looked at there."""
        return self.action in {"skip", "recompute"} and not self.rows

    @property
    def protects(self) -> bool:
        """Whether rows are recognised only."""
        return self.action == "protect" and not self.rows

    @property
    def inserts_only(self) -> bool:
        """Whether rows are never updated or deleted."""
        return self.action == "insert-only"

    @property
    def left_out(self) -> tuple[str, ...]:
        """The rules that leave rows out of a table that is replicated."""
        if self.skips or self.protects:
            return ()
        some = [row.rule for row in self.rows if row.action not in COPIED]
        return (*some, self.rule) if self.rule and self.action not in COPIED else tuple(some)

    @property
    def kept(self) -> str:
        """The condition that a row is replicated; empty where all are."""
        if not self.left_out:
            return ""
        cases = [f"WHEN {row.condition} THEN {str(row.action in COPIED).lower()}" for row in self.rows]
        return f"CASE {' '.join(cases)} ELSE {str(self.action in COPIED).lower()} END"

    @property
    def finds(self) -> str | None:
        """The rule because of which some rows are sent only to be found."""
        return self.brought.rule if self.brought else next((row.rule for row in self.rows if row.recognises), None)

    def level(self, column: str) -> Protection:
        """The protection of a column."""
        if found := self.own_levels.get(column) or self.levels.get(column):
            return found[0]
        if self.protects or self.inserts_only:
            return Protection.NEVER
        return Protection.NOT_EMPTY if column in self.withheld else Protection.ALWAYS

    def uses(self, target: Table | None) -> Iterator[RuleUse]:
        """What rules say of the table, its rows and its columns, for people."""
        label = str(self.table)
        for row in self.rows:
            yield RuleUse(label, None, row.where, row.action, row.rule)
        says = self.action if target or self.skips else "not on the target"
        yield RuleUse(label, None, None, says, self.rule, self.overrides)
        for column, (level, rule) in (self.levels | self.own_levels).items():
            pack = self.levels[column][1] if column in self.own_levels and column in self.levels else None
            yield RuleUse(label, column, None, f"level {int(level)}", rule, pack)
        for column, rule in self.withheld.items():
            yield RuleUse(label, column, None, "stays on the source", rule)
        if self.totals:
            said, rule = self.totals
            for column in said.sum:
                if target is None or column in target.columns:
                    yield RuleUse(label, column, None, "summed", rule)


def may_leave(policy: Policy, needed: Collection[str], table: Table) -> dict[str, str]:
    """The columns of the source that stay there, each with the SQL of what leaves instead of its value.

    Of a row that is only to be recognised no more leaves than the `needed` columns, and those that may be written.
    """
    stay = set(policy.withheld)
    if policy.protects:
        stay |= {c for c in table.columns if c not in needed and policy.level(c) is Protection.NEVER}
    return {
        name: "''" if column.not_null and column.type in {"text", "character varying"} else "NULL"
        for name, column in table.columns.items()
        if name in stay and name not in table.key
    }


def _levels(
    rules: Sequence[tuple[str, Mapping[str, int]]], table: Table, target: Table | None
) -> dict[str, tuple[Protection, str]]:
    """Column of the target -> its protection, and the first of the rules, given by name, that speaks of it."""
    levels: dict[str, tuple[Protection, str]] = {}
    for column in target.columns if target else table.columns:
        for rule, columns in rules:
            level = columns.get(column, columns.get(ALL_COLUMNS))
            if level is not None and column not in table.key:
                levels[column] = (Protection(level), rule)
                break
    return levels


def _of_rows(packed: Sequence[tuple[PolicyRule, Action]], table: Table) -> Iterator[RowRule]:
    """The rules for single rows of a table: those before the first that is for all of them."""
    from ucrepl.plan.expression import unknown_columns

    for rule, action in packed:
        if rule.where is None:
            return
        if not unknown_columns(rule.where, table.columns):
            yield RowRule(rule.name, action, rule.where, _compile(rule, table), rule.recognise)


def _compile(rule: PolicyRule, table: Table) -> str:
    from ucrepl.plan.expression import compile_expression

    try:
        return f"({compile_expression(rule.where or '', table.columns, ROW)})"
    except ConfigError as error:
        message = f"the rule {rule.name!r} of a pack can't choose rows of {str(table.name)!r}: {error.message}"
        raise ConfigError(message, error.hint) from None
