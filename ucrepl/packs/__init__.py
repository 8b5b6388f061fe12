"""What is known of Odoo, as YAML files beside this one, and what users know of their own modules."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from ucrepl.config import InvalidConfigError, read_text
from ucrepl.config.document import Document, read_document
from ucrepl.config.explain import explain
from ucrepl.config.problems import did_you_mean
from ucrepl.packs.models import Pack, Pattern, ReferenceRule
from ucrepl.packs.policies import PolicyRule

__all__ = ["Pack", "Packs", "Pattern", "PolicyRule", "ReferenceRule", "Sourced", "load_packs"]


EVERY_TABLE = "*"
"""Stands for all tables of which nothing else is said."""


@dataclass(frozen=True, slots=True)
class Sourced:
    """What a pack says of a column, and where: file, line and key."""

    rule: ReferenceRule
    origin: str


@dataclass(frozen=True)
class Packs:
    """The knowledge of all packs; of two that speak of the same thing the first counts.

    `keys`: table -> recognition keys, the best first. `numbered`: table -> the columns with a number that each node
    gives by itself. `external_ids`: the table of external ids.
    `models`: model -> table, where it is not the model's name with underscores.
    `references`: table, or `*` -> column -> how it refers. `patterns`: name -> how ids stand in a text.
    `column_names`: how ids stand in names of columns. `stamps`: columns that every write changes. `never_null`: table
    -> columns in which a reference to its records must not become null.
    `policies`: what is left out or protected; those of users first.
    `signals`: cache -> what tells workers of it, `caches`: table -> its caches, `registry`: table -> column -> value of
    the rows that are part of the registry.
    """

    keys: dict[str, list[list[str]]] = field(default_factory=dict)
    numbered: dict[str, list[str]] = field(default_factory=dict)
    external_ids: str | None = None
    models: dict[str, str] = field(default_factory=dict)
    references: dict[str, dict[str, Sourced]] = field(default_factory=dict)
    patterns: dict[str, list[Pattern]] = field(default_factory=dict)
    column_names: tuple[Pattern, ...] = ()
    stamps: frozenset[str] = frozenset()
    never_null: dict[str, list[str]] = field(default_factory=dict)
    policies: tuple[PolicyRule, ...] = ()
    signals: dict[str, list[str]] = field(default_factory=dict)
    caches: dict[str, list[str]] = field(default_factory=dict)
    registry: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def by_model_name(self) -> dict[str, dict[str, str]]:
        """Table -> {column with an id: column of the same row with the name of the model}."""
        named = {
            table: {
                column: sourced.rule.model_from
                for column, sourced in columns.items()
                if sourced.rule.kind == "by_model"
                and isinstance(sourced.rule.model_from, str)
                and not {".", ":"}.intersection(sourced.rule.model_from)
                and sourced.rule.model_fields_set == {"kind", "model_from"}
            }
            for table, columns in self.references.items()
        }
        return {table: columns for table, columns in named.items() if columns}

    def reference(self, table: str, column: str) -> Sourced | None:
        """What is said of a column: of this one, or else of all columns that are called so."""
        found = self.references.get(table, {}).get(column)
        return found or self.references.get(EVERY_TABLE, {}).get(column)

    def table_of(self, model: str) -> str:
        """The table in which the records of a model are."""
        return self.models.get(model, model.replace(".", "_"))

    def models_of(self, table: str) -> list[str]:
        """The models whose records are in a table."""
        return [model for model, name in self.models.items() if name == table] or [table.replace("_", ".")]


@cache
def load_packs(paths: Sequence[Path] = ()) -> Packs:
    """The packs of users at `paths`, and those that come with the program.

    Raises ConfigError for a file that can't be read, and InvalidConfigError with all that is wrong with it.
    """
    ours = sorted((f for f in files(__package__).iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    texts = [*((read_text(path, "pack"), str(path)) for path in paths), *((f.read_text("utf-8"), f.name) for f in ours)]
    read = [_parse(text, name) for text, name in texts]
    caches = {name for pack, _ in read for name in pack.signals}
    packs = Packs()
    for pack, document in read:
        _refuse_unknown_caches(pack, document, sorted(caches))
        packs = _with(packs, pack, _places(pack, document))
    return packs


def _parse(text: str, name: str) -> tuple[Pack, Document]:
    """A pack, and the document in which it stands."""
    document = read_document(text, name, {})
    pack = Pack()
    try:
        pack = Pack.model_validate(document.data or {})
    except ValidationError as error:
        explain(document, error, _model_at)
    _raise_problems(document)
    return pack, document


def _refuse_unknown_caches(pack: Pack, document: Document, known: Sequence[str]) -> None:
    """Raises InvalidConfigError where a table feeds a cache of which no pack says how workers are told."""
    for table, caches in pack.caches.items():
        for place, name in enumerate(caches):
            if name not in known:
                message = f"no pack has signals for the cache {name!r}"
                document.report(("caches", table, place), message, did_you_mean(name, known))
    _raise_problems(document)


def _raise_problems(document: Document) -> None:
    if document.problems:
        raise InvalidConfigError(
            document.file, document.problems.values(), hint="the format is explained in docs/packs.md"
        )


def _places(pack: Pack, document: Document) -> dict[tuple[str, str], str]:
    """Where the pack says what of each column."""
    named = [(table, column) for table, columns in pack.references.items() for column in columns]
    lines = {(table, column): document.keys["references", table, column].line for table, column in named}
    return {place: f"{document.file}:{line} references.{'.'.join(place)}" for place, line in lines.items()}


def _model_at(path: tuple[str | int, ...]) -> type[Pack | Pattern | PolicyRule | ReferenceRule]:
    match path:
        case ("policies", _):
            return PolicyRule
        case ("references", _, _, *_):
            return ReferenceRule
        case ("patterns", _, *_):
            return Pattern
    return Pack


def _in_words(column_names: Sequence[Pattern]) -> dict[str, list[Pattern]]:
    """The patterns `column_names`: how names of columns with ids stand in texts, also with what gives a default."""
    found = []
    for one in column_names:
        before, after = map(re.escape, one.match.split("{id}"))
        found.append(Pattern(match=rf"(?:(?<!\w)|default_){before}{{id}}{after}(?!\w)", model=one.model))
    return {"column_names": found} if found else {}


def _with(known: Packs, pack: Pack, places: dict[tuple[str, str], str]) -> Packs:
    """All that is known, and what another pack adds."""
    references = dict(known.references)
    for table, columns in pack.references.items():
        added = {column: Sourced(rule, places[table, column]) for column, rule in columns.items()}
        references[table] = added | references.get(table, {})
    column_names = (*known.column_names, *pack.column_names)
    return Packs(
        keys=pack.keys | known.keys,
        numbered=pack.numbered | known.numbered,
        external_ids=known.external_ids or pack.external_ids,
        models=pack.models | known.models,
        references=references,
        patterns=pack.patterns | known.patterns | _in_words(column_names),
        column_names=column_names,
        stamps=known.stamps | {*pack.stamps},
        never_null=pack.never_null | known.never_null,
        policies=(*known.policies, *pack.policies),
        signals=pack.signals | known.signals,
        caches=pack.caches | known.caches,
        registry=pack.registry | known.registry,
    )
