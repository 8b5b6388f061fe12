"""Finds out how columns refer to records without a foreign key, by the packs and by what Odoo says of its fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ucrepl.packs import Packs, ReferenceRule
from ucrepl.packs.models import PLACE
from ucrepl.plan.catalog import Catalog, Table, TableName, referenced_table
from ucrepl.plan.references import Argument, Hop, OdooField, Path, Reference
from ucrepl.plan.types import INTEGERS, TEXTS, base_type

# The beginning of a regular expression that stands for itself.
_PLAIN = re.compile(r"[^\\()\[\].*+?^$|{}]*(?![?*{])")
_CARRIERS = {"id": "bigint", "object": "jsonb", "json": "jsonb", "properties": "jsonb", "definition": "jsonb"}
_REGISTRY = "ir_model_fields"


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
        sourced = self.packs.reference(label, column)
        if sourced:
            simple = self.packs.by_model_name.get(label, {}).get(column)
            if simple in table.columns and base_type(table.columns[column].type) in INTEGERS:
                return simple
            return self._by_rule(table, column, sourced.rule, sourced.origin)
        known = self.fields.get((label, column))
        return self._by_field(table, column, known) if known else None

    def has_keys(self, table: Table, column: str, found: Reference | str | None) -> bool:
        """Whether a column holds several values, each under a key: a language, a company, a property, or an id."""
        if table.columns[column].type != "jsonb":
            return False
        if isinstance(found, Reference) and found.kind in {"object", "properties"}:
            return True
        known = self.fields.get((str(table.name), column))
        return known is not None and (known.company_dependent or known.translated)

    def origin(self, table: Table, column: str, found: Reference | str | None) -> str:
        """Where it is known from how a column refers to records, or that it does not; empty where nothing is known."""
        if isinstance(found, Reference):
            return found.origin
        sourced = self.packs.reference(str(table.name), column)
        if sourced and (found or sourced.rule.kind == "none"):
            return sourced.origin
        return _REGISTRY if found else ""

    def _by_field(self, table: Table, column: str, known: OdooField) -> Reference | str | None:
        """By what Odoo says of a field. Of what is not known to what it refers the value is never written."""
        rule = None
        if known.company_dependent:
            rule = ReferenceRule(kind="object", keys="res.company")
            if known.ttype == "many2one" and known.relation:
                rule = ReferenceRule(kind="object", keys="res.company", values=known.relation)
        elif known.ttype == "many2one" and known.relation:
            rule = ReferenceRule(kind="record", model=known.relation)
        elif known.ttype == "reference":
            rule = ReferenceRule(kind="model_id")
        elif known.ttype == "properties":
            definition = self._definition(table, column)
            rule = ReferenceRule(kind="properties", definition=definition or "")
        elif known.ttype == "properties_definition":
            rule = ReferenceRule(kind="definition")
        elif known.ttype == "html":
            rule = ReferenceRule(kind="text", patterns="html")
        elif known.ttype == "many2one_reference":
            stem = column.removesuffix("_id")
            names = (f"{stem}_model", f"{stem}_model_name", f"{column}_model_name", "res_model", "model", "model_name")
            if found := next((name for name in names if _is_text(table, name)), None):
                return found
            rule = ReferenceRule(kind="by_model", model_from=[])
        return self._by_rule(table, column, rule, _REGISTRY) if rule else None

    def _by_rule(self, table: Table, column: str, rule: ReferenceRule, origin: str) -> Reference | None:
        """What a rule means here; None where the type does not fit, or there is no column by which it restricts itself.

        Where the column is not there that tells to what a value refers, the value is never written.
        """
        kind = base_type(table.columns[column].type)
        where = tuple(
            (path, tuple([values] if isinstance(values, str) else values))
            for name, values in rule.where.items()
            if (path := self._path(table, name))
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
            carrier=_CARRIERS.get(function, "text"),
            arguments=arguments,
            where=where,
            needle=self._needle(rule.patterns),
            required=rule.required,
            parent=_parent(rule) if rule.kind == "path" or rule.right else None,
            right=rule.right,
            is_certain=rule.kind != "domain",
        )

    def _made(  # noqa: C901, PLR0911, PLR0912 - one case a kind
        self, table: Table, rule: ReferenceRule, kind: str
    ) -> tuple[str, str, tuple[Argument, ...]] | None:
        """What a rule refers to, the function that translates it, and its arguments."""
        a_number = kind in INTEGERS
        match rule.kind:
            case "record":
                return rule.model or "", "id" if a_number else "ids", (rule.model,)
            case "by_model":
                path = self._model_path(table, rule)
                return (_shown(path), "id" if a_number else "ids", (path,)) if path else ("not known", "", ())
            case "model_id" if not a_number:
                return "the model in the value", "reference", ()
            case "object" if kind == "jsonb":
                return " -> ".join(filter(None, (rule.keys, rule.values))), "object", (rule.keys, rule.values)
            case "json" if kind == "jsonb":
                shown = ", ".join(f"{place}: {model}" for place, model in rule.places.items())
                return shown, "json", (tuple(rule.places), tuple(rule.places.values()))
            case "list" if not a_number:
                return rule.model or "", "list", (rule.model, rule.separator)
            case "path" if not a_number and _parent(rule) in table.columns:
                return str(table.name), "path", (self._model_of(table),)
            case "nested" if a_number and (rule.right is None or {_parent(rule), rule.right} <= table.columns.keys()):
                return str(table.name), "", ()
            case "text" if rule.patterns in self.packs.patterns:
                return f"patterns {rule.patterns}", "text", (rule.patterns,)
            case "properties" if kind == "jsonb":
                path = self._path(table, rule.definition or "")
                return (_shown(path), "properties", (path,)) if path else ("not known", "", ())
            case "definition" if kind == "jsonb":
                return "the models in the value", "definition", ()
            case "domain" if kind in TEXTS:
                path = self._model_path(table, rule)
                return _shown(path) if path else rule.model or "", "domain", (path or rule.model,)
            case "local":
                return "", "", ()
        return None

    def _path(self, table: Table, text: str, rule: ReferenceRule | None = None) -> Path | None:
        """A path as packs have it (`alias_model_id.model`), None where a column of it is not there.

        After a colon it has the column with the name of a field (`mail_message_id.model:field`).
        """
        steps, _, named_by = text.partition(":")
        first, *rest = steps.split(".")
        if not {first, named_by or first} <= table.columns.keys():
            return None
        hops, here, column = [], table, first
        for name in rest:
            referred = referenced_table(self.target, here, column)
            if referred is None or name not in self.target.tables[referred].columns:
                return None
            here, column = self.target.tables[referred], name
            rows = f"{here.only}{referred.sql}"
            hops.append(Hop(self.numbers[referred], rows, here.key[0], name, here.columns[name].type))
        if rule is None:
            return Path(first, tuple(hops))
        choices, fields = tuple(sorted(rule.models.items())), tuple((v, tuple(f)) for v, f in rule.fields.items())
        return Path(first, tuple(hops), rule.before, choices, named_by or None, fields)

    def _model_path(self, table: Table, rule: ReferenceRule) -> Path | None:
        named = [rule.model_from] if isinstance(rule.model_from, str) else rule.model_from or []
        return next((path for text in named if (path := self._path(table, text, rule))), None)

    def _definition(self, table: Table, column: str) -> str | None:
        """Where the definition of properties must be: in the only record that has a column called so."""
        name = f"{column}_definition"
        leading = {
            c
            for c in table.columns
            if (referred := referenced_table(self.target, table, c)) and name in self.target.tables[referred].columns
        }
        return f"{leading.pop()}.{name}" if len(leading) == 1 else None

    def _model_of(self, table: Table) -> str:
        by_table = {name: model for model, name in self.packs.models.items()}
        return by_table.get(str(table.name), str(table.name).replace("_", "."))

    def _needle(self, patterns: str | None) -> str | None:
        """A regular expression that is found in each text in which one of the patterns is."""
        found = [_PLAIN.match(PLACE.split(p.match)[0]) for p in self.packs.patterns.get(patterns or "", ())]
        starts = sorted({match[0] if match else "" for match in found})
        if not starts or not starts[0]:
            return None
        return "|".join(s for i, s in enumerate(starts) if not s.startswith(tuple(starts[:i])))


def _parent(rule: ReferenceRule) -> str:
    return rule.parent or "parent_id"


def _is_text(table: Table, column: str) -> bool:
    return column in table.columns and base_type(table.columns[column].type) in TEXTS


def _shown(path: Path) -> str:
    steps = ".".join([path.column, *(hop.column for hop in path.hops)])
    return f"{steps}:{path.field}" if path.field else steps
