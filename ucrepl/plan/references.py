"""What is known of columns that refer to records without a foreign key, made ready for SQL.

Of each kind the value is translated by a function of the node's schema (sql/functions/mapped_*.sql), to which it goes
as text, as jsonb or as a number.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ucrepl.packs import Packs, Pattern
from ucrepl.packs.models import PLACE

_SQL_OF = {"id": "[0-9]+", "model": r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*"}


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
    """A value that stands in a column of the row itself, or in another row to which that column leads.

    `field`: the value is a model, and what is meant is the one to which a field of it refers, whose name stands in this
    column, or else its values are in `fields`, with the names that the field may have.
    """

    column: str
    hops: tuple[Hop, ...] = ()
    before: str | None = None
    choices: tuple[tuple[str, str], ...] = ()
    field: str | None = None
    fields: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the row that lead to it."""
        return (self.column, self.field) if self.field else (self.column,)


Argument = str | tuple[str, ...] | Path | None
"""What a function is given besides the value."""


@dataclass(frozen=True, slots=True)
class Reference:
    """How a column refers to records.

    `kind` is its name in packs; `origin` tells where this is known from; `target` what it refers to, for people.
    The SQL function `mapped_<function>` takes the value as `carrier`, and `arguments`: texts, lists of texts, null, or
    what stands at a path. Without a function the value is never written, and a new row has none. Rows for which a
    condition `where` (a path and the values that it must have) is false have no reference, nor have texts in which
    `needle`, a regular expression, does not match.
    `parent` is the column from which a path is built again, or nested sets whose other end is in the column `right`.
    `is_certain`: a value is always understood.
    """

    kind: str
    origin: str
    target: str = ""
    function: str = ""
    carrier: str = "text"
    arguments: tuple[Argument, ...] = ()
    where: tuple[tuple[Path, tuple[str, ...]], ...] = ()
    needle: str | None = None
    required: bool = False
    parent: str | None = None
    right: str | None = None
    is_certain: bool = True

    @property
    def models(self) -> tuple[str, ...]:
        """The models that it names itself."""
        several = (argument for argument in self.arguments if isinstance(argument, tuple))
        return (*(a for a in self.arguments if isinstance(a, str)), *(one for names in several for one in names))

    @property
    def siblings(self) -> tuple[str, ...]:
        """The other columns of the row that must be known to translate a value."""
        paths = [argument for argument in self.arguments if isinstance(argument, Path)]
        return tuple(dict.fromkeys(c for path in [*paths, *(path for path, _ in self.where)] for c in path.columns))


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
    """A stored field, as ir_model_fields has it. Of a `translated` one there is a value for each language."""

    model: str
    name: str
    ttype: str
    relation: str | None
    company_dependent: bool = False
    translated: bool = False


def text_patterns(packs: Packs) -> Iterable[TextPattern]:
    """The patterns of all packs."""
    for name, patterns in packs.patterns.items():
        yield from (_text_pattern(name, pattern) for pattern in patterns)


def _text_pattern(name: str, pattern: Pattern) -> TextPattern:
    """A pattern as a regular expression with five groups: text, id or model, text, the other one, text."""
    parts = PLACE.split(pattern.match)
    parts += [""] * (5 - len(parts))
    places = {part: i for i, part in enumerate(parts, 1) if part in _SQL_OF and i % 2 == 0}
    groups = [_SQL_OF[part] if i in places.values() else part for i, part in enumerate(parts, 1)]
    groups[places["id"] - 1] += "(?![0-9])"  # an id ends where its digits end
    regexp = "".join(f"({group})" for group in groups)
    return TextPattern(name, regexp, places["id"], places.get("model"), pattern.model, pattern.digits)
