"""What may stand in a pack, as frozen models, whose docstrings are the descriptions in `config schema --packs`."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ucrepl.config import Key
from ucrepl.packs.policies import PolicyRule

Name = Annotated[str, StringConstraints(min_length=1)]
Kind = Literal[
    "record", "by_model", "model_id", "object", "json", "list", "path", "nested", "text", "properties", "definition",
    "domain", "local", "none",
]  # fmt: skip
PLACE = re.compile(r"\{(id|model)\}")
"""Where an id, or the name of its model, stands in a pattern."""
# What each kind needs, and what it may have besides.
_NEEDED: dict[Kind, tuple[set[str], set[str]]] = {
    "record": ({"model"}, set()),
    "by_model": ({"model_from"}, {"before", "models", "fields"}),
    "model_id": (set(), set()),
    "object": (set(), {"keys", "values"}),
    "json": ({"places"}, set()),
    "list": ({"model"}, {"separator"}),
    "path": (set(), {"parent"}),
    "nested": (set(), {"right", "parent"}),
    "text": ({"patterns"}, set()),
    "properties": ({"definition"}, set()),
    "definition": (set(), set()),
    "domain": (set(), {"model", "model_from"}),
    "local": (set(), set()),
    "none": (set(), set()),
}
_OF_ALL = {"kind", "where", "required"}


def _wrong(message: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError("ucrepl", "{message}", {"message": message, "hint": hint})


def _pattern(text: str) -> str:
    places = PLACE.findall(text)
    if sorted(places) not in (["id"], ["id", "model"]):
        message = f"the pattern {text!r} must have {{id}} once, and {{model}} at the most once"
        raise _wrong(message, "write {id} where the id stands, as in '/web/image/{id}'")
    try:
        groups = re.compile(PLACE.sub("x", text)).groups
    except re.error as error:
        message = f"the pattern {text!r} is no regular expression: {error}"
        raise _wrong(message, "a character that means itself needs '\\' before it") from None
    if groups:
        message = f"the pattern {text!r} has a group that captures"
        raise _wrong(message, "write '(?:…)' instead of '(…)'")
    return text


def _place(text: str) -> str:
    *steps, last = text.split(".")
    if "" in (*steps, last) or "{id}" in steps:
        message = f"the place {text!r} must be names joined by dots, with {{id}} only at its end"
        raise _wrong(message, "write it as in 'header.{id}' or 'lines.*.tax_id'")
    return text


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class Pattern(_Model):
    """How an id stands in a text."""

    match: Annotated[str, AfterValidator(_pattern)]
    """A regular expression with `{id}` where the id stands and, if the text names it, `{model}` for its model."""
    model: Name | None = None
    """The model whose id it is, where the text does not name one."""
    digits: Annotated[int, Field(ge=1, le=18)] | None = None
    """An id with fewer digits has zeros before it."""

    @model_validator(mode="after")
    def _knows_its_model(self) -> Self:
        if ("{model}" in self.match) == (self.model is not None):
            message = f"the pattern {self.match!r} must either have {{model}} or be given a 'model'"
            raise _wrong(message, "an id means nothing without the model whose id it is")
        return self


class ReferenceRule(_Model):
    """How a column refers to records. What a kind needs is in docs/packs.md."""

    kind: Kind
    """How the value says which record it means; `none`: it means none, whatever else is found about the column;
    `local`: it means something on its own side only, and never leaves it."""
    model: Name | None = None
    """The model to which all values refer (`res.partner`)."""
    model_from: Name | list[Name] | None = None
    """Where the name of the model stands: a column of the row (`res_model`), or of the row to which a column refers
    (`alias_model_id.model`). With a colon it is the model to which a field of that model refers, and the name of the
    field stands in the column after it (`mail_message_id.model:field`). Of a list the first counts whose columns are
    there."""
    before: Name | None = None
    """The model is what stands before this text in `model_from` (`,` in `res.partner,name`)."""
    models: dict[Name, Name] = {}
    """Value of `model_from` -> model, where that is no model's name itself. `*` at the end stands for anything."""
    fields: dict[Name, list[Name]] = {}
    """Value of the column after the colon of `model_from` -> the names that the field may have, where it is no field's
    name itself; the first counts that the model has."""
    places: dict[Annotated[str, AfterValidator(_place)], Name] = {}
    """Where ids stand in jsonb -> their model: names of members joined by dots, `*` for any member or element, `{id}`
    at the end for the keys (`manual_tax_amounts.{id}`). At a place there is an id, or a list of ids."""
    keys: Name | None = None
    """The model to which the keys of an object refer; several ids in one key are joined by commas."""
    values: Name | None = None
    """The model to which the values of an object refer."""
    separator: Name = ","
    """What stands between the ids of a list."""
    parent: Name | None = None
    """The column with the parent, of a path or of nested sets; `parent_id` by default."""
    right: Name | None = None
    """The column with the right end, where this one has the left end of nested sets."""
    patterns: Name | None = None
    """The name of the patterns by which ids are found in a text."""
    definition: Name | None = None
    """Where the definition of properties stands: a column of the row to which a column refers
    (`project_id.task_properties_definition`)."""
    where: dict[Name, Name | list[Name]] = {}
    """Column -> value, or values: in other rows the column has no reference."""
    required: bool = False
    """A row whose reference can't be translated is parked, instead of written with null."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        needed, allowed = _NEEDED[self.kind]
        given = self.model_fields_set
        if missing := needed - given:
            message = f"a reference of kind {self.kind!r} needs {', '.join(map(repr, sorted(missing)))}"
            raise _wrong(message, "what each kind needs is in docs/packs.md")
        if useless := given - needed - allowed - _OF_ALL:
            message = f"a reference of kind {self.kind!r} has no {', '.join(map(repr, sorted(useless)))}"
            raise _wrong(message, "what each kind needs is in docs/packs.md")
        named = [self.model_from] if isinstance(self.model_from, str) else self.model_from or []
        if self.fields and not any(":" in path for path in named):
            message = "'fields' has no effect without the name of a column after a colon in 'model_from'"
            raise _wrong(message, "what each kind needs is in docs/packs.md")
        return self


class Pack(_Model):
    """A pack: knowledge about some tables."""

    keys: dict[Name, list[Key]] = {}
    """Table -> lists of columns by which a new record is recognised on the target, the best first. A `?` behind the
    name of a column: it may be empty, on both sides."""
    numbered: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}
    """Table -> the columns with a number that each node gives by itself: two records of two nodes can have the same."""
    external_ids: Name | None = None
    """The table of external ids."""
    models: dict[Name, Name] = {}
    """Model -> table, where that is not the model's name with underscores."""
    patterns: dict[Name, Annotated[list[Pattern], Field(min_length=1)]] = {}
    """Name -> how ids stand in a text."""
    column_names: list[Pattern] = []
    """How the id of a record stands in the name of a column, without regular expressions: `x_plan{id}_id`."""
    references: dict[Name, dict[Name, ReferenceRule]] = {}
    """Table -> column -> how it refers to records. The table `*`: all that have such a column and say nothing of it."""
    stamps: list[Name] = []
    """Columns that every write changes, in all tables: where both sides have, no conflict is logged."""
    never_null: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}
    """Table -> columns that refer to its records, as `table.column` with `*` for anything: null there means for
    everybody. Where the record is not known the row is parked, unless a rule says `missing: null`."""
    policies: list[PolicyRule] = []
    """What is replicated, left out or protected with each policy of a link."""
    signals: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}
    """Cache of Odoo's workers -> the sequences and tables by which they are told that it is out of date; the first
    counts that the database has."""
    caches: dict[Name, list[Name]] = {}
    """Table -> the caches that are made of its rows."""
    registry: dict[Name, dict[Name, Name]] = {}
    """Table -> column -> value: workers load their registry again after rows with these values were written."""
