"""What is known of columns that refer to records without a foreign key, made ready for SQL.

Of each kind the value is translated by a function of the node's schema (sql/functions/mapped_*.sql), to which it goes
as text, as jsonb or as a number.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ucrepl.packs import Packs, Pattern, ReferenceRule
from ucrepl.plan.catalog import Catalog, Table, TableName, referenced_table
from ucrepl.plan.types import INTEGERS, TEXTS, base_type

_PLACE = re.compile(r"\{(id|model)\}")
_PLAIN = re.compile(r"[^\\()\[\].*+?^$|{}]*(?![?*{])")
_SQL_OF = {"id": "[0-9]+", "model": r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*"}
_MODEL_COLUMNS = ("res_model", "model")


@dataclass(frozen=True, slots=True)
class Hop:
    """The step to the row of a table that has an id, and to a column of it. `number` is that of the table."""

    number: int
    rows: str
    key: str
    column: str
    type: str


@dataclass(frozen=True, slots=True)
class Path:
    """A value that stands in a column of the row itself, or in another row to which that column leads."""

    column: str
    hops: tuple[Hop, ...] = ()
    before: str | None = None
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """How a column refers to records.

    `kind` is its name in packs; `origin` tells where this is known from; `target` what it refers to, for people.
    The SQL function `mapped_<function>` takes the value as `carrier`, and `arguments`: texts, null, or what stands at
    a path. Rows for which a condition `where` (a path and the values that it must have) is false have no reference, nor
    have texts in which `needle`, a regular expression, does not match.
    `parent` is the column from which a path is built again. `is_certain`: a value is always understood.
    """

    kind: str
    origin: str
    target: str = ""
    function: str = ""
    carrier: str = "text"
    arguments: tuple[str | Path | None, ...] = ()
    where: tuple[tuple[Path, tuple[str, ...]], ...] = ()
    needle: str | None = None
    required: bool = False
    parent: str | None = None
    is_certain: bool = True

    @property
    def models(self) -> tuple[str, ...]:
        """The models that it names itself."""
        return tuple(argument for argument in self.arguments if isinstance(argument, str))

    @property
    def siblings(self) -> tuple[str, ...]:
        """The other columns of the row that must be known to translate a value."""
        paths = [argument for argument in self.arguments if isinstance(argument, Path)]
        return tuple(dict.fromkeys(path.column for path in [*paths, *(path for path, _ in self.where)]))


@dataclass(frozen=True, slots=True)
class TextPattern:
    """How ids stand in a text, for `pg_temp.pattern`: five groups, of which one is an id and one may be its model."""

    name: str
    regexp: str
    id_group: int
    model_group: int | None
    model: str | None
    digits: int | None


@dataclass(frozen=True, slots=True)
class OdooField:
    """A stored field, as ir_model_fields has it."""

    model: str
    name: str
    ttype: str
    relation: str | None
    company_dependent: bool = False


@dataclass(frozen=True)
class Finder:
    """Finds how the columns of the target's tables refer to records."""

    packs: Packs
    target: Catalog
    numbers: Mapping[TableName, int]
    fields: Mapping[tuple[str, str], OdooField] = field(default_factory=dict)

    def reference(self, table: Table, column: str) -> Reference | str | None:
        """How a column without a foreign key refers to records, None where nothing is known.

        Where the name of the model simply stands in another column it is that column's name.
        """
        label = str(table.name)
        sourced = self.packs.references.get(label, {}).get(column)
        if sourced:
            simple = self.packs.by_model_name.get(label, {}).get(column)
            if simple in table.columns and base_type(table.columns[column].type) in INTEGERS:
                return simple
            return self._by_rule(table, column, sourced.rule, sourced.origin)
        if column == "parent_path":
            return self._by_rule(table, column, ReferenceRule(kind="path"), "the columns of the table")
        known = self.fields.get((label, column))
        return self._by_field(table, column, known) if known else None

    def origin(self, table: Table, column: str, found: Reference | str | None) -> str:
        """Where it is known from how a column refers to records, or that it does not; empty where nothing is known."""
        if isinstance(found, Reference):
            return found.origin
        sourced = self.packs.references.get(str(table.name), {}).get(column)
        if sourced and (found or sourced.rule.kind == "none"):
            return sourced.origin
        return "ir_model_fields" if found else ""

    def _by_field(self, table: Table, column: str, known: OdooField) -> Reference | str | None:
        rule = None
        if known.company_dependent:
            rule = ReferenceRule(kind="object", keys="res.company")
            if known.ttype == "many2one" and known.relation:
                rule = ReferenceRule(kind="object", keys="res.company", values=known.relation)
        elif known.ttype == "many2one" and known.relation and self._table(known.relation):
            rule = ReferenceRule(kind="record", model=known.relation)
        elif known.ttype == "reference":
            rule = ReferenceRule(kind="model_id")
        elif known.ttype == "properties_definition":
            rule = ReferenceRule(kind="definition")
        elif known.ttype == "html":
            rule = ReferenceRule(kind="text", patterns="html")
        elif known.ttype == "many2one_reference":
            names = [f"{column.removesuffix('_id')}_model", *_MODEL_COLUMNS]
            return next((n for n in names if n in table.columns and base_type(table.columns[n].type) in TEXTS), None)
        return self._by_rule(table, column, rule, "ir_model_fields") if rule else None

    def _by_rule(self, table: Table, column: str, rule: ReferenceRule, origin: str) -> Reference | None:
        """What a rule means here; None where the table has not the columns that it needs, or the type does not fit."""
        kind = base_type(table.columns[column].type)
        where = tuple(
            (path, tuple([values] if isinstance(values, str) else values))
            for name, values in rule.where.items()
            if (path := self.path(table, name))
        )
        if len(where) < len(rule.where):
            return None
        made = self._made(table, rule, kind)
        if made is None:
            return None
        target, function, arguments = made
        return Reference(
            kind=rule.kind,
            origin=origin,
            target=target,
            function=function,
            carrier={"id": "bigint", "object": "jsonb", "properties": "jsonb", "definition": "jsonb"}.get(
                function, "text"
            ),
            arguments=arguments,
            where=where,
            needle=self._needle(rule.patterns),
            required=rule.required,
            parent=(rule.parent or "parent_id") if rule.kind == "path" else None,
            is_certain=rule.kind != "domain",
        )

    def _made(  # noqa: C901, PLR0911 - one case a kind
        self, table: Table, rule: ReferenceRule, kind: str
    ) -> tuple[str, str, tuple[str | Path | None, ...]] | None:
        """What a rule refers to, the function that translates it, and its arguments."""
        a_number = kind in INTEGERS
        match rule.kind:
            case "record":
                return rule.model or "", "id" if a_number else "ids", (rule.model,)
            case "by_model":
                path = self._model_path(table, rule)
                return (_shown(path), "id" if a_number else "ids", (path,)) if path else None
            case "model_id" if not a_number:
                return "the model in the value", "reference", ()
            case "object" if kind == "jsonb":
                return " -> ".join(filter(None, (rule.keys, rule.values))), "object", (rule.keys, rule.values)
            case "list" if not a_number:
                return rule.model or "", "list", (rule.model, rule.separator)
            case "path" if not a_number and (rule.parent or "parent_id") in table.columns:
                return str(table.name), "path", (self._model_of(table),)
            case "text" if rule.patterns in self.packs.patterns:
                return f"patterns {rule.patterns}", "text", (rule.patterns,)
            case "properties" if kind == "jsonb":
                path = self.path(table, rule.definition or "")
                return (_shown(path), "properties", (path,)) if path else None
            case "definition" if kind == "jsonb":
                return "the models in the value", "definition", ()
            case "domain" if kind in TEXTS:
                path = self._model_path(table, rule)
                return _shown(path) if path else rule.model or "", "domain", (path or rule.model,)
        return None

    def path(self, table: Table, text: str, rule: ReferenceRule | None = None) -> Path | None:
        """A path as packs have it (`alias_model_id.model`), None where a column of it is not there."""
        first, *rest = text.split(".")
        if first not in table.columns:
            return None
        hops, here, column = [], table, first
        for name in rest:
            referred = referenced_table(self.target, here, column)
            if referred is None or name not in self.target.tables[referred].columns:
                return None
            here, column = self.target.tables[referred], name
            rows = f"{here.only}{referred.sql}"
            hops.append(Hop(self.numbers[referred], rows, here.key[0], name, here.columns[name].type))
        choices = tuple(sorted(rule.models.items())) if rule else ()
        return Path(first, tuple(hops), rule.before if rule else None, choices)

    def _model_path(self, table: Table, rule: ReferenceRule) -> Path | None:
        named = [rule.model_from] if isinstance(rule.model_from, str) else rule.model_from or []
        return next((path for text in named if (path := self.path(table, text, rule))), None)

    def _model_of(self, table: Table) -> str:
        by_table = {name: model for model, name in self.packs.models.items()}
        return by_table.get(str(table.name), str(table.name).replace("_", "."))

    def _table(self, model: str) -> Table | None:
        return self.target.tables.get(TableName("public", self.packs.table_of(model)))

    def _needle(self, patterns: str | None) -> str | None:
        """A regular expression that is found in each text in which one of the patterns is."""
        found = [_PLAIN.match(_PLACE.split(p.match)[0]) for p in self.packs.patterns.get(patterns or "", ())]
        starts = sorted({match[0] if match else "" for match in found})
        if not starts or not starts[0]:
            return None
        return "|".join(s for i, s in enumerate(starts) if not s.startswith(tuple(starts[:i])))


def text_patterns(packs: Packs) -> Iterable[TextPattern]:
    """The patterns of all packs."""
    for name, patterns in packs.patterns.items():
        yield from (_text_pattern(name, pattern) for pattern in patterns)


def _text_pattern(name: str, pattern: Pattern) -> TextPattern:
    """A pattern as a regular expression with five groups: text, id or model, text, the other one, text."""
    parts = _PLACE.split(pattern.match)
    parts += [""] * (5 - len(parts))
    places = {part: i for i, part in enumerate(parts, 1) if part in _SQL_OF and i % 2 == 0}
    groups = [_SQL_OF[part] if i in places.values() else part for i, part in enumerate(parts, 1)]
    groups[places["id"] - 1] += "(?![0-9])"  # an id ends where its digits end
    regexp = "".join(f"({group})" for group in groups)
    return TextPattern(name, regexp, places["id"], places.get("model"), pattern.model, pattern.digits)


def _shown(path: Path) -> str:
    return ".".join([path.column, *(hop.column for hop in path.hops)])
