"""Rules of packs that say what of an Odoo is replicated, and what is left out or protected."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ucrepl.config import Action, Level, Mode, Totals, fits

Name = Annotated[str, StringConstraints(min_length=1)]
ALL_COLUMNS = "*"
_FOLLOWS = frozenset({0, 5})
"""The levels of protection that keep no value from the target."""


class PolicyRule(BaseModel):
    """What becomes of some tables, or of some of their rows, with each policy of a link."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    name: Name
    """What the rule is called in `plan`, in counters and logs."""
    tables: Annotated[list[Name], Field(min_length=1)]
    """The tables, also patterns with `*` (`mail_*`). Of the rules that fit a table the first counts."""
    transient: bool = False
    """Only those of them that Odoo's registry calls transient (wizards)."""
    where: Name | None = None
    """Only the rows for which this PostgreSQL expression is true; the rules below go on for the others. Where a table
    lacks one of its columns the rule does not count."""
    brought: bool = False
    """With `replicate`: records with an external id of a module are made and deleted by that module only, on each node.
    What is changed of them follows."""
    recognise: bool = False
    """With `where` and `skip`, of external ids: they are sent all the same, so that records are recognised by them."""
    cluster: Action | None = None
    """What becomes of the rows with `policy: cluster`; by default the rule is not there for this policy."""
    migrate: Action | None = None
    """The same with `policy: migrate`."""
    populate: Action | None = None
    """The same with `policy: populate`; by default as with `migrate`."""
    columns: dict[Name, Level] = {}
    """Column -> level of protection, as `protect` of a rule in the configuration; `*` stands for the other columns."""
    withhold: list[Name] = []
    """Columns whose values never leave the source."""
    totals: Totals | None = None
    """Where the rows are replicated they are totals, as `totals` of a rule in the configuration says."""
    reason: Name | None = None
    """What users of a cluster miss because of the rule, and why. `check` names such rules."""

    @model_validator(mode="after")
    def _is_of_use(self) -> Self:
        if not any((self.cluster, self.migrate, self.populate)):
            message = f"the rule {self.name!r} has no effect"
            raise _wrong(message, "give it one of 'cluster', 'migrate', 'populate'")
        if self.where and (self.columns or self.withhold or self.totals):
            message = f"the rule {self.name!r} is for single rows, and can't speak of columns"
            raise _wrong(message, "write 'columns', 'withhold' and 'totals' in a rule without 'where'")
        if self.where and "insert-only" in {self.cluster, self.migrate, self.populate}:
            message = f"the rule {self.name!r} is for single rows, and can't be 'insert-only'"
            raise _wrong(message, "use 'insert-only' in a rule without 'where'")
        if self.brought and self.where:
            message = f"the rule {self.name!r} is for single rows, and can't be 'brought'"
            raise _wrong(message, "write 'brought' in a rule without 'where'")
        if self.recognise and not self.where:
            message = f"the rule {self.name!r} is for all rows, and can't 'recognise' by some"
            raise _wrong(message, "give it a 'where', or use the action 'protect'")
        return self

    def does(self, policy: Mode) -> Action | None:
        """What becomes of the rows with a policy; None where the rule is not there for it."""
        if policy == "populate":
            return self.populate or self.migrate
        return self.cluster if policy == "cluster" else self.migrate

    @property
    def holds_back(self) -> bool:
        """Whether a node of a cluster misses something of another one because of the rule."""
        kept = any(level not in _FOLLOWS for level in self.columns.values())
        return self.cluster is not None and (self.cluster != "replicate" or kept or bool(self.withhold or self.brought))

    def matches(self, schema: str, table: str) -> bool:
        """Whether the rule is for this table, if that is transient or need not be."""
        return fits(tuple(self.tables))(schema, table)


def _wrong(message: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError("ucrepl", "{message}", {"message": message, "hint": hint})
