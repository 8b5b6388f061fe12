"""Makes the plan of a link out of its rules, the packs and the catalogs of both sides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property

from ucrepl.config import Link, Rule
from ucrepl.errors import ConfigError
from ucrepl.packs import Packs
from ucrepl.plan import cached, mask, partial, route
from ucrepl.plan.catalog import Catalog, Column, Table, TableName, referenced_table
from ucrepl.plan.finder import Finder
from ucrepl.plan.model import (
    ColumnPlan,
    LinkPlan,
    ModelTable,
    NamedById,
    Protection,
    RecognitionKey,
    SkippedTable,
    TablePlan,
    Totals,
)
from ucrepl.plan.order import strongly_connected
from ucrepl.plan.place import absent_columns, holds_values, without_place
from ucrepl.plan.policy import Policies, Policy, may_leave
from ucrepl.plan.references import OdooField, Reference, text_patterns
from ucrepl.plan.types import ADDABLE, SENT_ALIKE, base_type


@dataclass(frozen=True)
class Ingredients:
    """What a plan is made of.

    `numbers` gives the number in the target's `ucrepl.table_name` of every table of either side, `partners` those of
    the source's tables where they differ: one that has another name on the target, or the name of another one there,
    has no place.
    `models` are the names of Odoo's models on the target, empty where it is not an Odoo, and `fields` those of its
    fields that refer to records; `checks_at_once`, `shared_with` and `ids_differ` are those of the plan. `pairs` are
    those of records whose ids stand in names of columns: the number under which ids are mapped -> id on the source ->
    id on the target.
    `transient` are the tables of transient models.
    `signalling` is what the target has of the packs' signals: its name -> whether it is a sequence. `fills` and
    `altered` are those of the plan.
    """

    link: Link
    rules: Sequence[Rule]
    packs: Packs
    source: Catalog
    target: Catalog
    numbers: Mapping[TableName, int]
    models: Sequence[str]
    peer_id: int
    ships_pairs: bool
    checks_at_once: bool = False
    shared_with: Sequence[int] = ()
    ids_differ: bool = False
    fields: Sequence[OdooField] = ()
    pairs: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    transient: AbstractSet[TableName] = frozenset()
    signalling: Mapping[str, bool] = field(default_factory=dict)
    fills: int = 0
    altered: int = 0
    partners: Mapping[TableName, int] = field(default_factory=dict)
    back: Link | None = None
    back_rules: Sequence[Rule] = ()

    def number_of(self, name: TableName) -> int:
        """The number of a table of the source."""
        return self.partners.get(name, self.numbers[name])

    def place_of(self, name: TableName) -> Table | None:
        """The target's table for a table of the source; None where it has none."""
        return self.target.tables.get(name) if self.number_of(name) == self.numbers[name] else None

    def called_here(self, name: TableName | None) -> TableName | None:
        """How the target calls a table of the source, if it has it under another name."""
        if name is None or self.place_of(name):
            return name
        return next((n for n, number in self.numbers.items() if number == self.number_of(name)), name)

    @cached_property
    def of_tables(self) -> dict[TableName, Policy]:
        """What the rules say of each table of the source."""
        policies = Policies(self.rules, self.packs, self.link.policy, self.transient)
        found = {name: policies.of(table, self.target.tables.get(name)) for name, table in self.source.tables.items()}
        names = TableName("public", self.packs.external_ids or "")
        if names in self.source.tables and names in self.target.tables:
            return found
        return {name: replace(policy, brought=None) if policy.brought else policy for name, policy in found.items()}

    @cached_property
    def of_tables_back(self) -> dict[TableName, Policy]:
        """What the rules of the way back say of each table of the target; empty where there is none."""
        if self.back is None:
            return {}
        policies = Policies(self.back_rules, self.packs, self.back.policy, self.transient)
        return {name: policies.of(table, self.source.tables.get(name)) for name, table in self.target.tables.items()}

    def brought_back(self, name: TableName) -> bool:
        """Whether the way back takes rows of a table of the target to the source."""
        policy = self.of_tables_back.get(name)
        return policy is not None and not policy.skips

    def masked_back(self, table: Table) -> frozenset[str]:
        """The columns of the target whose values do not leave it on the way back, while they leave the source here."""
        if table.name not in self.of_tables_back:
            return frozenset()
        masked = {*self.of_tables_back[table.name].withheld, *mask.masks_of(self.back_rules, table)}
        return frozenset(masked & table.columns.keys())

    @cached_property
    def finder(self) -> Finder:
        """Finds references that are no foreign keys."""
        fields = {(self.packs.table_of(f.model), f.name): f for f in self.fields}
        return Finder(self.packs, self.target, self.numbers, fields)


def build_plan(given: Ingredients) -> LinkPlan:
    """The plan of the link.

    Raises ConfigError for a rule that names a table or a column which neither side has.
    """
    check_rules(given.rules, (given.source, given.target), given.packs)
    skipped: dict[int, SkippedTable] = {}
    missing: dict[int, TableName] = {}
    tables: dict[int, TablePlan] = {}
    users = {rule.name for rule in given.rules}
    not_held: set[int] = set()
    for name, source in given.source.tables.items():
        number = given.number_of(name)
        policy = given.of_tables[name]
        target = given.place_of(name)
        has_place = target is not None and _alike(source, target)
        said = next((r for r in given.rules if r.matches(*name) and r.hold is not None), None)
        if policy.skips:
            skipped[number] = SkippedTable(name, policy.rule or "", on_demand=policy.rule in users)
        elif said and not (said.hold or has_place):
            skipped[number] = SkippedTable(name, said.name or "")
        elif target is None or not has_place:
            missing[number] = given.called_here(name) or name
        else:
            not_held |= {number} if said and not said.hold else set()
            tables[number] = _plan_table(given, number, source, target)
    tables, missing = without_place(tables, missing, not_held)
    tables |= _on_demand(given, tables, skipped)
    filtered = {name: policy.left_out[0] for name, policy in given.of_tables.items() if policy.left_out}
    rules_of_skipped = {table.name: table.rule for table in skipped.values()}
    of_totals = {table.name: table.totals.rule for table in tables.values() if table.totals}
    guarded = given.packs.never_null
    tables = partial.with_optional_references(tables, rules_of_skipped | filtered | of_totals, guarded)
    tables = partial.with_some_left_out(tables, filtered, guarded)
    tables = partial.with_memory(tables, {name for name in given.source.tables if given.brought_back(name)})
    left_out = route.LeftOut()
    routes = {
        name: sql
        for name, policy in given.of_tables.items()
        if (sql := route.route(policy, given.source.tables[name], given.source.hstore_schema, left_out))
    }
    models = tuple(_models(given, tables))
    tables = partial.without_unknown_models(tables, {m.model for m in models})
    return LinkPlan(
        peer_id=given.peer_id,
        hstore_schema=given.target.hstore_schema,
        source_hstore=given.source.hstore_schema,
        ships_pairs=given.ships_pairs,
        tables=tables,
        groups=_groups(tables),
        skipped=skipped,
        missing=missing,
        models=models,
        patterns=tuple(text_patterns(given.packs)),
        defers=given.target.defers,
        checks_at_once=given.checks_at_once,
        shared_with=tuple(given.shared_with),
        ids_differ=given.ids_differ,
        masks={
            name: masks
            for name, source in given.source.tables.items()
            if (given.number_of(name) in tables or given.number_of(name) not in skipped)
            and (masks := _masks(given, source, tables.get(given.number_of(name))))
        },
        routes=routes,
        left_out=left_out.rules,
        rules=tuple(
            use
            for name, policy in sorted(given.of_tables.items())
            for use in policy.uses(given.target.tables.get(name))
        ),
        fills=given.fills,
        altered=given.altered,
        external_ids=next((n for n, t in tables.items() if str(t.name) == given.packs.external_ids), None),
    )


def check_rules(rules: Iterable[Rule], catalogs: Sequence[Catalog], packs: Packs) -> None:
    """Raises ConfigError, with all of them in one message, for tables and columns of rules that no catalog has.

    The first catalog is the source's; masks that are not possible there are found too.
    """
    problems = []
    for rule in rules:
        found = [t for catalog in catalogs for t in catalog.tables.values() if rule.matches(*t.name)]
        if not found and "*" not in rule.table:
            problems.append(f"{rule.name}: there is no table {rule.table!r}")
        in_keys = [column for key in rule.keys or () for column in RecognitionKey.of(key).columns]
        named = [*rule.protect, *in_keys, *rule.set, *rule.belongs_to, *rule.merge, *rule.stamps]
        named += [*rule.totals.by, *rule.totals.sum] if rule.totals else []
        for policies in (rule.conflicts, rule.missing):
            if isinstance(policies, dict):
                named += policies
        problems += [
            f"{rule.name}: table {rule.table!r} has no column {column!r}"
            for column in dict.fromkeys(named)
            if found and not any(column in table.columns for table in found)
        ]
        problems += [
            f"{rule.name}: column {column!r} of table {str(table.name)!r} is no number, and can't add up"
            for table in found[:1]
            for column in (
                *(rule.totals.sum if rule.totals else ()),
                *(c for c, n in rule.protect.items() if n == Protection.SUM),
            )
            if column in table.columns and base_type(table.columns[column].type) not in ADDABLE
        ]
        problems += [
            f"{rule.name}: column {column!r} of table {rule.table!r} is of type {table.columns[column].type}, and only"
            " jsonb can be merged by keys"
            for column, how in rule.merge.items()
            for table in found
            if how == "keys" and column in table.columns and table.columns[column].type != "jsonb"
        ]
        problems += mask.problems(rule, catalogs[0])
        problems += [
            f"{rule.name}: column {column!r} of table {rule.table!r} refers to no record (see {key!r})"
            for key, columns in (("belongs_to", rule.belongs_to), ("missing", rule.missing))
            if not isinstance(columns, str)
            for column in columns or ()
            if "*" not in rule.table
            and any(column in table.columns for table in found)
            and not any(column in _references(table, packs) for table in found)
        ]
    if problems:
        raise ConfigError("; ".join(problems), hint="mend the rules in the configuration, then run: ucrepl check")


def _references(table: Table, packs: Packs) -> set[str]:
    """The columns of a table that refer to other records."""
    by_model_name = packs.by_model_name.get(str(table.name), {})
    return {name for fk in table.foreign_keys for name in fk.columns} | by_model_name.keys()


def _plan_table(given: Ingredients, number: int, source: Table, target: Table) -> TablePlan:
    rules = [rule for rule in given.rules if rule.matches(*target.name)]
    policy = given.of_tables[source.name]
    columns = []
    named = tuple(_named_by_ids(given, source))
    for name, column in target.columns.items():
        there = _name_on_source(given, source, named, name)
        from_source = source.columns.get(there or name)
        if there is not None and from_source is None:
            continue
        if name not in target.key and (column.generated or (from_source and from_source.generated)):
            continue
        refers_to = referenced_table(given.target, target, name) or given.called_here(
            referenced_table(given.source, source, name)
        )
        found = None
        if not refers_to and name not in target.key:
            found = given.finder.reference(target, name)
        stays = isinstance(found, Reference) and (found.kind == "nested" or not (found.function or given.shared_with))
        protection = Protection.NEVER if stays else policy.level(name)
        if protection is Protection.SUM and base_type(column.type) not in ADDABLE:
            protection = Protection.ALWAYS
        is_object = column.type == "jsonb" == source.columns[there or name].type
        missing, rule = None, None
        if refers_to or found:
            missing, rule = _missing(given.link, rules, name)
        if isinstance(found, Reference) and missing == "fetch":
            missing = None  # a value with several records, or one whose model is not in the change: they may come
        columns.append(
            ColumnPlan(
                column=column,
                protection=protection,
                conflicts=next((p for r in rules if (p := _policy(r.conflicts, name))), given.link.conflicts),
                refers_to=refers_to,
                on_delete=next((fk.on_delete for fk in target.foreign_keys if name in fk.columns), "a"),
                model_column=found if isinstance(found, str) else None,
                reference=found if isinstance(found, Reference) else None,
                source_name="" if there == name else there,
                known_from="" if refers_to else given.finder.origin(target, name, found),
                optional_rule=rule if missing == "null" and not isinstance(found, Reference) else None,
                missing=missing,
                by_key=is_object
                and protection < Protection.NEVER
                and _merges_keys(rules, name, by_default=given.finder.has_keys(target, name, found)),
                is_stamp=_is_stamp(given.packs, rules, name),
            )
        )
    keys = next((r.keys for r in rules if r.keys is not None), given.packs.keys.get(str(target.name), []))
    known = {c.name for c in columns}
    totals = _totals(policy, {c.name: c for c in columns})
    recognised_by = tuple(key for key in map(RecognitionKey.of, keys) if known.issuperset(key.columns))
    holds = not totals and holds_values(given.link, rules, policy)
    plan = TablePlan(
        number=number,
        space=given.numbers[given.target.id_space(target.name)],
        table=target,
        columns=tuple(columns),
        recognition_keys=recognised_by if target.surrogate and not totals else (),
        deleted=given.link.deleted,
        belongs_to=_belongs_to(rules, source, target, columns),
        named_by_ids=named,
        signals=tuple(cached.signals(given.packs, given.signalling, target)),
        held_columns=absent_columns(policy, (source, target), columns) if holds else (),
        source_columns=tuple(source.columns),
        late_columns=()
        if totals or policy.protects or policy.inserts_only
        else tuple(_late(given, source, target, columns)),
        holds_values=holds,
        alike=not named
        and all(
            c.column.type == source.columns[c.name].type in SENT_ALIKE
            and not (c.column.domain or source.columns[c.name].domain)
            for c in columns
        ),
        protected_by=policy.rule if policy.protects else None,
        kept=policy.kept,
        inserts_only=policy.inserts_only,
        totals=totals,
        brought=policy.brought,
        finds=policy.finds,
        numbered=frozenset(given.packs.numbered.get(str(target.name), ())),
    )
    masks = _masks(given, source, plan)
    return replace(plan, masks=masks, stand_ins=given.masked_back(target) - masks.keys())


def _totals(policy: Policy, columns: Mapping[str, ColumnPlan]) -> Totals | None:
    """Of what the rows of a table are totals, as far as both sides have the columns."""
    if policy.totals is None:
        return None
    said, rule = policy.totals
    by = tuple(name for name in said.by if name in columns)
    sums = tuple(name for name in said.sum if name in columns and base_type(columns[name].column.type) in ADDABLE)
    return Totals(by, sums, rule) if by and sums else None


def _late(given: Ingredients, source: Table, target: Table, columns: Sequence[ColumnPlan]) -> Iterator[Column]:
    """The plain columns of the target that the source has no more, of which the journal can have values still."""
    policy, planned = given.of_tables[source.name], {c.name for c in columns}
    for name, column in target.columns.items():
        if name in {*source.columns, *planned, *target.key, *policy.withheld} or column.generated:
            continue
        refers = referenced_table(given.target, target, name) or given.finder.reference(target, name)
        if not refers and policy.level(name) is Protection.ALWAYS:
            yield column


def _masks(given: Ingredients, source: Table, table: TablePlan | None) -> dict[str, str]:
    """The columns of a table of the source that don't leave it as they are; `table` is its plan, if there is one.

    Generated ones never do: nobody writes them elsewhere, and they may tell what a mask hides.
    """
    needed: set[str] = set()
    if table:
        needed = {name for key in table.recognition_keys for name in key.columns}
        needed |= {name for index in table.table.unique_indexes for name in index.columns}
        needed |= {name for c in table.columns if c.name in needed for name in c.siblings}
        if str(table.name) == given.packs.external_ids:
            needed |= source.columns.keys()
    generated = {name: "NULL" for name, column in source.columns.items() if column.generated and name not in source.key}
    return may_leave(given.of_tables[source.name], needed, source) | mask.masks_of(given.rules, source) | generated


def _named_by_ids(given: Ingredients, source: Table) -> Iterator[NamedById]:
    """The columns of a table of the source whose names have ids, which are not known to be the same on the target."""
    for pattern in given.packs.column_names:
        table = TableName("public", given.packs.table_of(pattern.model or ""))
        if table not in given.target.tables:
            continue
        space = given.numbers[given.target.id_space(table)]
        before, after = pattern.match.split("{id}")
        pairs = given.pairs.get(space, {})
        for name in source.columns:
            digits = name.removeprefix(before).removesuffix(after)
            is_one = name == f"{before}{digits}{after}" and digits.isdecimal()
            if is_one and pairs.get(int(digits)) != int(digits):
                yield NamedById(name, int(digits), space, before, after)


def _name_on_source(given: Ingredients, source: Table, named: Sequence[NamedById], name: str) -> str | None:
    """What the source calls a column of the target; None where its name has an id in no pair."""
    for one in named:
        local_id = given.pairs.get(one.space, {}).get(one.remote_id)
        if name == f"{one.before}{local_id}{one.after}":
            return one.name
    is_like_them = any(name.startswith(n.before) and name.endswith(n.after) for n in named)
    has_same_id = name in source.columns and all(name != n.name for n in named)
    return name if has_same_id or not is_like_them else None


def _belongs_to(rules: Sequence[Rule], source: Table, target: Table, columns: Sequence[ColumnPlan]) -> tuple[str, ...]:
    """The columns by which rows belong to other records."""
    named = next((r.belongs_to for r in rules if r.belongs_to), [])
    references = {name for table in (source, target) for fk in table.foreign_keys for name in fk.columns}
    references |= {c.name for c in columns if c.is_reference}
    return tuple(name for name in named if name in references)


def _groups(tables: dict[int, TablePlan]) -> tuple[tuple[int, ...], ...]:
    numbers = {table.name: number for number, table in tables.items()}
    references = {
        number: [numbers[name] for name in sorted(table.after) if name in numbers] for number, table in tables.items()
    }
    return tuple(tuple(sorted(group)) for group in strongly_connected(references))


def _models(given: Ingredients, tables: dict[int, TablePlan]) -> Iterable[ModelTable]:
    by_table = {str(t.name): t for t in tables.values() if t.table.surrogate}
    models = {name.replace("_", "."): name for name in by_table}
    models |= given.packs.models
    models |= {model: given.packs.table_of(model) for model in given.models}
    for model, name in sorted(models.items()):
        table = by_table.get(name)
        if table and table.table.sequence:
            unpaired = table.protected_by is not None or table.totals is not None
            yield ModelTable(model, table.number, table.space, table.table.sequence, unpaired)


def _policy(policies: Mapping[str, str] | str | None, column: str) -> str | None:
    return policies.get(column) if isinstance(policies, Mapping) else policies


def _merges_keys(rules: Iterable[Rule], column: str, *, by_default: bool) -> bool:
    """Whether a column is merged key by key."""
    return next((rule.merge[column] == "keys" for rule in rules if column in rule.merge), by_default)


def _is_stamp(packs: Packs, rules: Sequence[Rule], column: str) -> bool:
    """Whether every write changes a column. One of which a rule says who wins in a conflict is no such column."""
    if any(column in rule.stamps for rule in rules):
        return True
    named = any(isinstance(rule.conflicts, Mapping) and column in rule.conflicts for rule in rules)
    return column in packs.stamps and not named


def _missing(link: Link, rules: Iterable[Rule], column: str) -> tuple[str | None, str]:
    """What becomes of references of a column to records that are not known, and the name of the rule that says so."""
    said = ((policy, rule.name) for rule in rules if (policy := _policy(rule.missing, column)))
    return next(said, (link.missing, f"missing of {link.name}"))


def _alike(source: Table, target: Table) -> bool:
    """Whether rows can be taken from the one to the other: they have the same key, of the same kind."""
    return bool(source.key) and source.key == target.key and source.surrogate == target.surrogate


def _on_demand(
    given: Ingredients, tables: Mapping[int, TablePlan], skipped: Mapping[int, SkippedTable]
) -> dict[int, TablePlan]:
    """The skipped tables of which rows come on demand: those to which references refer that fetch, and so on."""
    found: dict[int, TablePlan] = {}
    looked_at: Iterable[TablePlan] = tables.values()
    while wanted := {c.refers_to for table in looked_at for c in table.columns if c.fetches}:
        new = {}
        for number, table in skipped.items():
            source, target = given.source.tables[table.name], given.place_of(table.name)
            if table.on_demand and table.name in wanted and number not in found and target and _alike(source, target):
                new[number] = replace(
                    _plan_table(given, number, source, target),
                    on_demand=True,
                    held_columns=(),
                    late_columns=(),
                    holds_values=False,
                )
        found |= new
        looked_at = new.values()
    return found
