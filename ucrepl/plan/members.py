"""SQL for columns that hold several values, each under a key: languages, companies, properties, analytic accounts.

An update changes the keys that the source has changed, and no other one. What a key means is its path: `{fr_FR}`, or
`{}` for what holds the keys (see ucrepl.at_path).
"""

from dataclasses import dataclass

from ucrepl.plan.model import ColumnPlan, LinkPlan, Protection, TablePlan
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.translate import Row, alias_of, extracted, mapped_value, sent, was
from ucrepl.plan.types import distinct, same


@dataclass(frozen=True, slots=True)
class Change:
    """What an update does to a column: `old` and `new` in the target's ids, and the joins that they need.

    The statement has the images `sent` and `was` of the change, and the local row `target`.
    """

    column: ColumnPlan
    old: str
    new: str
    joins: tuple[str, ...] = ()

    @property
    def _here(self) -> str:
        return f"target.{quote(self.column.name)}"

    @property
    def merged(self) -> str:
        """The value of the target with what the source has changed; most often it is the old one still."""
        return f"""\
CASE
    WHEN {same(self._here, self.old, "jsonb")} THEN {self.new}
    WHEN {self._fits_plainly} THEN {self._here} || {self.new}
    ELSE {self._merged(0)}
END"""

    @property
    def protected(self) -> str:
        """The same, as far as the protection of the column lets it through."""
        level = self.column.protection
        return self.merged if level is Protection.ALWAYS else self._merged(level)

    @property
    def fits(self) -> str:
        """The condition that the target holds the old or the new value of each key that is changed."""
        held = same(self._here, self.old, "jsonb")
        return f"({held} OR {self._fits_plainly} OR ucrepl.fits({self._here}, {self.old}, {self.new}))"

    @property
    def _fits_plainly(self) -> str:
        return f"ucrepl.fits_plainly({self._here}, {self.old}, {self.new})"

    def _merged(self, level: int) -> str:
        return f"ucrepl.merged({self._here}, {self.old}, {self.new}, {int(level)})"


def change(link: LinkPlan, table: TablePlan, column: ColumnPlan, local: str) -> Change:
    """What an update does to a column that is merged key by key. `local`: the local row, for what a join refers to.

    Only what differs is translated. Keys and values that are no ids, or the same ones on both sides, are not.
    """
    is_now = _sent(link, table, column)
    if column.reference is None or link.same_ids:
        return Change(column, was(column), is_now)
    alias, part = quote(alias_of(column)), quote(f"changed in {column.name}"[:63])
    old = mapped_value(link, table, column, f"{part}.old", Row(was, local), "known")
    new = mapped_value(link, table, column, f"{part}.new", Row(sent, local), "write")
    only = f"CROSS JOIN LATERAL ucrepl.only_changed({was(column)}, {is_now}) AS {part}"
    values = lines([f"{old} AS old", f"{new} AS new"], depth=2)
    mapped = f"CROSS JOIN LATERAL (\n    SELECT\n{values}\n    OFFSET 0\n) AS {alias}"
    return Change(column, f"{alias}.old", f"{alias}.new", (only, mapped))


def candidates(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """A query for the keys of a column that a change has changed, as `conflict.collide` wants its candidates.

    A key that is the same once it is translated is none, nor is one that the target can't know.
    """
    old, new = "changed.old", "changed.new"
    if column.reference is not None and not link.same_ids:
        old = mapped_value(link, table, column, old, Row(was, "target"), "known")
        new = mapped_value(link, table, column, new, Row(sent, "target"), "write")
    is_other, withheld = distinct("value.current", "value.new", "jsonb"), "false"
    if column.protection is Protection.NOT_EMPTY:
        is_other, withheld = f"{is_other} AND NOT ucrepl.is_empty(value.new)", "ucrepl.is_empty(value.old)"
    current = f"target.{quote(column.name)}"
    return f"""\
SELECT
    {literal(column.name)}, place.path, changed.path, value.old::text, value.new::text, value.current::text,
    {literal(column.decided_by)}, {is_other}, {distinct("value.current", "value.old", "jsonb")}, {withheld}, false
FROM ucrepl.changed_members({was(column)}, {_sent(link, table, column)}) AS changed
CROSS JOIN LATERAL (
    SELECT
{lines([f"{old} AS old", f"{new} AS new"], depth=2)}
    OFFSET 0
) AS part
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN changed.path = '{{}}' THEN changed.path
        ELSE ARRAY[coalesce(
            (SELECT k FROM jsonb_object_keys(part.new) AS k), (SELECT k FROM jsonb_object_keys(part.old) AS k)
        )]
    END AS path
) AS place
CROSS JOIN LATERAL (
    SELECT
        ucrepl.at_path(part.old, place.path) AS old,
        ucrepl.at_path(part.new, place.path) AS new,
        ucrepl.at_path({current}, place.path) AS current
) AS value
WHERE {distinct("value.old", "value.new", "jsonb")}"""


def _sent(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """The new value: of wide rows that of the image, which is without the keys that have lost a conflict."""
    return extracted(link, column) if table.wide else sent(column)
