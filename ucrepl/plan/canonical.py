"""The form in which values of both sides are compared: references as the source's ids, all else by its type."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ucrepl.plan.catalog import Column, Table, TableName
from ucrepl.plan.model import ColumnPlan, LinkPlan, Protection, TablePlan
from ucrepl.plan.text import literal, quote, remark
from ucrepl.plan.translate import Row, Value, alias_of, mapped_value
from ucrepl.plan.types import INTEGERS, base_type

_TEXTS = frozenset({"character varying", "text"})
# Types whose hash differs wherever the values do. That of numeric forgets the sign, that of jsonb the places.
_HASHED = frozenset({
    "boolean", "bytea", "date", "double precision", "oid", "time without time zone", "timestamp with time zone",
    "timestamp without time zone", "uuid",
})  # fmt: skip
_OTHER_IDS = "'-9223372036854775808'::bigint"
"""A reference to a record that the source does not know is hashed as its id with the sign turned."""


@dataclass(frozen=True)
class Compared:
    """What is compared of a table: `columns`, those of the key among them; `source` is the table as the source has it.

    `own_rows`: rows that are in no pair are the target's own, for no link brings them to the source.
    `protected` and `left_out` are the numbers of columns that rules keep from being the same on both sides; masked ones
    are left out. `one_by_one`: each reference of the target is looked up by itself.
    """

    table: TablePlan
    source: Table
    columns: tuple[ColumnPlan, ...]
    own_rows: bool
    protected: int = 0
    left_out: int = 0
    one_by_one: bool = False

    @property
    def has_models(self) -> bool:
        """Whether a column refers to records by the name of their model."""
        return any(c.model_column for c in self.columns)

    @property
    def is_parallel(self) -> bool:
        """Whether several processes can hash the target's rows: none of them sees a temporary table."""
        return not any(c.model_column or c.reference for c in self.columns)


def compared(link: LinkPlan, table: TablePlan, source: Table, *, own_rows: bool) -> Compared:
    """What is to be compared of a table."""
    key, protected = set(table.table.key), {m.model for m in link.models if m.is_protected}

    def is_compared(column: ColumnPlan) -> bool:
        if column.name in table.stand_ins:
            return False
        return _is_compared(column) and not (column.reference and protected.intersection(column.reference.models))

    columns = tuple(c for c in table.columns if c.name in key or (is_compared(c) and c.name not in table.masks))
    values = [c for c in table.value_columns if c.name not in table.masks]
    masked = len(table.value_columns) - len(values)
    return Compared(
        table=table,
        source=source,
        columns=columns,
        own_rows=own_rows,
        protected=sum(not _follows(c) for c in values),
        left_out=sum(_follows(c) and not is_compared(c) for c in values) + masked,
    )


def hashed(value: str, here: Column, there: Column) -> str:
    """The value in a form whose hash is the same on both sides, and differs where the values do."""
    kinds = {base_type(here.type), base_type(there.type)}
    if here.domain:
        value = f"{value}::{here.type}"
    if kinds <= INTEGERS:
        return value
    if kinds <= _TEXTS:
        return f'{value} COLLATE "C"'
    if len(kinds) == 1 and kinds <= _HASHED:
        return value
    return shown(value, here, there)


def shown(value: str, here: Column, there: Column) -> str:
    """The value as text, the same on both sides where the values are."""
    if "numeric" in {base_type(here.type), base_type(there.type)} <= {"numeric", *INTEGERS}:
        return f"trim_scale({value}::numeric)::text"
    return f"{value}::text"


def in_source(compared: Compared, column: ColumnPlan, *, as_text: bool) -> str:
    """A column of the source's row (`source`)."""
    here, there = compared.source.columns[column.on_source], column.column
    return (shown if as_text else hashed)(f"source.{quote(column.on_source)}", here, there)


def in_target(
    link: LinkPlan,
    compared: Compared,
    column: ColumnPlan,
    *,
    as_text: bool,
    own: str,
    same_ids: AbstractSet[TableName] = frozenset(),
) -> Value:
    """A column of the target's row (`target`) as the source would have it. `own` is the source's id of the row.

    References to tables with the same ids on both sides are taken as they are. A reference to a record that the source
    does not know is no id of the source: as text it has a question mark.
    """
    value, table = f"target.{quote(column.name)}", compared.table
    if table.surrogate and (column.name,) == table.table.key:
        return Value(own)
    if not refers(link, column) or column.refers_to in same_ids:
        here, there = column.column, compared.source.columns[column.on_source]
        return Value((shown if as_text else hashed)(value, here, there))
    if column.reference:
        mapped = mapped_value(link, table, column, value, Row(None, "target"), "back")
        here, there = column.column, compared.source.columns[column.on_source]
        return Value((shown if as_text else hashed)(f"({mapped})", here, there))
    unknown = f"'?' || {value}::text" if as_text else f"{value}::bigint # {_OTHER_IDS}"
    if column.refers_to:
        alias, number = quote(alias_of(column)), link.space_of(column.refers_to)
        known = _as(f"{alias}.remote_id", as_text=as_text)
        of_table = f"{number} {remark(str(column.refers_to))}"
        join = _identity(link, alias, of_table, "local_id", value, one_by_one=compared.one_by_one)
        return Value(f"coalesce({known}, {unknown})", (join,))
    one_by_one = compared.one_by_one
    return _by_model(link, column, value, unknown, as_text=as_text, one_by_one=one_by_one)


def remote_id(column: ColumnPlan) -> str:
    """The source's id of the record to which a column of the target's row refers; null where the source has none."""
    return f"{quote(alias_of(column))}.remote_id"


def refers(link: LinkPlan, column: ColumnPlan) -> bool:
    """Whether a column holds ids that are mapped."""
    if column.model_column:
        return base_type(column.column.type) in INTEGERS
    if column.reference:
        return True
    return column.refers_to in link.by_name or column.optional_rule is not None


def gone(link: LinkPlan, column: ColumnPlan, row: str) -> str:
    """Whether a column of a row refers, by the name of a model, to a record that is not there."""
    if not column.model_column or not refers(link, column):
        return "false"
    cases = []
    for model in link.models:
        table = link.tables[model.table]
        there = f"SELECT FROM {table.name.sql} AS r WHERE r.{quote(table.table.key[0])} = {row}.{quote(column.name)}"
        cases.append(f"WHEN {literal(model.model)} THEN NOT EXISTS ({there})")
    if not cases:
        return "false"
    return f"CASE {row}.{quote(column.model_column)}\n    " + "\n    ".join(cases) + "\n    ELSE false END"


def joins_of(values: Iterable[Value]) -> str:
    """The joins of the values, one below the other."""
    return "\n".join(dict.fromkeys(join for value in values for join in value.joins))


def _is_compared(column: ColumnPlan) -> bool:
    """Whether a column must be the same: not a path, which is made of the parents here, however old it was there."""
    is_derived = column.reference is not None and column.reference.parent is not None
    is_known = column.source_name is not None and not column.is_uncertain and not is_derived
    is_told = column.optional_rule is None or column.lenient
    return _follows(column) and is_told and is_known


def _follows(column: ColumnPlan) -> bool:
    """Whether protection lets the target hold what the source does."""
    return column.protection in {Protection.ALWAYS, Protection.SUM}


def _by_model(
    link: LinkPlan, column: ColumnPlan, value: str, unknown: str, *, as_text: bool, one_by_one: bool
) -> Value:
    """An id in no pair stands for itself: its record may be gone on both sides. Not so if the source has that one."""
    alias, far = quote(alias_of(column)), quote(f"far {column.name}"[:63])
    model = quote(f"model of {column.name}"[:63])
    plain = _as(value, as_text=as_text)
    return Value(
        f"CASE WHEN {model}.number IS NULL OR {value} = 0 THEN {plain}"
        f" WHEN {alias}.remote_id IS NOT NULL THEN {_as(f'{alias}.remote_id', as_text=as_text)}"
        f" WHEN {far}.local_id IS NULL THEN {plain} ELSE {unknown} END",
        (
            f"LEFT JOIN pg_temp.model AS {model} ON {model}.model = target.{quote(column.model_column or '')}",
            _identity(link, alias, f"{model}.number", "local_id", value, one_by_one=one_by_one),
            _identity(link, far, f"{model}.number", "remote_id", value, one_by_one=one_by_one),
        ),
    )


def _as(value: str, *, as_text: bool) -> str:
    return f"{value}::text" if as_text else value


def _identity(link: LinkPlan, alias: str, number: str, side: str, value: str, *, one_by_one: bool) -> str:
    pair = (
        f"{alias}.peer_id = {link.peer_id} AND {alias}.remote_table = {number} AND {alias}.local_table = {number}"
        f"\n    AND {alias}.{side} = {value}"
    )
    if one_by_one:
        looked_up = f"SELECT {alias}.* FROM ucrepl.identity AS {alias}\n    WHERE {pair} OFFSET 0"
        return f"LEFT JOIN LATERAL (\n    {looked_up}\n) AS {alias} ON true"
    return f"LEFT JOIN ucrepl.identity AS {alias}\n    ON {pair}"
