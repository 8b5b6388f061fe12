"""SQL expressions that turn a value of the source into the value that the target must hold."""

from dataclasses import dataclass

from ucrepl.plan.model import WIDE_SEQ, WIDE_TIMES, ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.text import lines, literal, quote, remark

# Names that the generated statements give to the change, its new and old row, the local row and its identity.
RESERVED = frozenset({"change", "sent", "was", "target", "own", "model", "here", "candidate"})


@dataclass(frozen=True, slots=True)
class Value:
    """An expression, and the joins that must stand in the statement for it."""

    sql: str
    joins: tuple[str, ...] = ()


def sent(column: ColumnPlan) -> str:
    """The value of a column in the new image."""
    return f"sent.{quote(column.name)}"


def sent_model(column: ColumnPlan) -> str | None:
    """The name of the model in the new image that says to which table a column refers; None where no model does."""
    return f"sent.{quote(column.model_column)}" if column.model_column else None


def extracted(link: LinkPlan, column: ColumnPlan) -> str:
    """The value of a column taken out of the new image by itself, where unfolding the whole image would cost more."""
    return f"{_text_of(link, column.name)}::{column.column.type}"


def is_filled(link: LinkPlan, column: ColumnPlan) -> str:
    """The condition that the new image has a value for a column that is no empty text."""
    return f"{_text_of(link, column.name)} <> ''"


def was(column: ColumnPlan) -> str:
    """The value of a column in the old image."""
    return f"was.{quote(column.name)}"


def translated(link: LinkPlan, table: TablePlan, column: ColumnPlan, value: str, model: str | None = None) -> Value:
    """The value of a column for the target; references are joined to the identity map.

    A reference to a record that is not known raises UC001 when the statement meets it, unless a rule makes it null; a
    reference by model name is left as it is where its model has no table that is replicated. `model` is the expression
    of the model's name, by default the one in the new image.
    """
    if column.model_column is not None:
        return _by_model(link, table, column, value, model or f"sent.{quote(column.model_column)}")
    if column.refers_to is None:
        return Value(value)
    alias = quote(alias_of(column))
    number = link.number_of(column.refers_to)
    join = _identity(link, alias, f"{number} {remark(str(column.refers_to))}", value)
    if column.optional_rule:
        return Value(f"{alias}.local_id", (join,))
    return Value(
        f"CASE WHEN {value} IS NULL THEN NULL ELSE coalesce({alias}.local_id, {_failure(table, column, value)}) END",
        (join,),
    )


def looked_up(link: LinkPlan, column: ColumnPlan, value: str, model: str | None = None) -> str:
    """The same as an expression without joins, null for a record that is not known: for old values and for keys.

    `model` is the expression of the model's name, by default the old one or else that of the local row. Where ids are
    shared, nobody hands out an id for a record that was only mentioned by model name: it stands for itself.
    """
    if column.model_column is not None:
        name = quote(column.model_column)
        local = f"coalesce(i.local_id, {value})" if link.shared_with else "i.local_id"
        return (
            f"(SELECT CASE WHEN m.model IS NULL OR {value} = 0 THEN {value} ELSE {local} END FROM (SELECT) AS one"
            f" LEFT JOIN pg_temp.model AS m ON m.model = {model or f'coalesce(was.{name}, target.{name})'}"
            f" LEFT JOIN ucrepl.identity AS i ON i.peer_id = {link.peer_id} AND i.remote_table = m.number"
            f" AND i.remote_id = {value})"
        )
    if column.refers_to is None:
        return value
    number = link.number_of(column.refers_to)
    return (
        f"(SELECT i.local_id FROM ucrepl.identity AS i WHERE i.peer_id = {link.peer_id}"
        f" AND i.remote_table = {number} AND i.remote_id = {value})"
    )


def key_value(table: TablePlan, position: int) -> str:
    """The source's value of a key column (counted from 0), out of the key that the journal keeps."""
    column = table.table.columns[table.table.key[position]]
    if len(table.table.key) == 1:
        return f"change.key::{column.type}"
    return f"(change.key::text[])[{position + 1}]::{column.type}"


def own_row(link: LinkPlan, table: TablePlan, row: str = "target") -> Value:
    """The condition that picks the local row of a change, with its joins."""
    if table.surrogate:
        join = (
            f"JOIN ucrepl.identity AS own\n"
            f"    ON own.peer_id = {link.peer_id} AND own.remote_table = {table.number}"
            f" AND own.remote_id = change.key::bigint"
        )
        return Value(f"{row}.{quote(table.table.key[0])} = own.local_id", (join,))
    conditions = (
        f"{row}.{quote(column.name)} = {looked_up(link, column, key_value(table, position))}"
        for position, column in enumerate(table.key_columns)
    )
    return Value(" AND ".join(conditions))


def here(link: LinkPlan, table: TablePlan) -> str:
    """An expression that is true when the local row of a change is there and null when it is not.

    A scalar subquery, for it is always run as an index lookup a change, whatever the statistics make the planner think.
    """
    if not table.surrogate:
        return f"(SELECT true FROM {table.table.only}{table.name.sql} AS target WHERE {own_row(link, table).sql})"
    return f"""(
        SELECT true
        FROM ucrepl.identity AS own
        JOIN {table.table.only}{table.name.sql} AS target ON target.{quote(table.table.key[0])} = own.local_id
        WHERE own.peer_id = {link.peer_id} AND own.remote_table = {table.number} AND own.remote_id = change.key::bigint
    )"""


def image(link: LinkPlan, table: TablePlan, which: str, alias: str) -> str:
    """The join that unfolds an image (`new` or `old`) of the change into typed columns.

    Where a column is of a domain its values go into the type below: a domain can refuse the null of what was not sent.
    """
    if table.wide and which == "new":
        return f"JOIN {table.wide_table} AS {alias} ON {alias}.{quote(WIDE_SEQ)} = change.seq"
    if any(c.column.domain for c in table.columns):
        fetch = f"{quote(link.hstore_schema)}.fetchval(change.{which}, "
        typed = [f"{fetch}{literal(c.name)})::{c.column.type} AS {quote(c.name)}" for c in table.columns]
        return f"CROSS JOIN LATERAL (\n    SELECT\n{lines(typed, depth=2)}\n) AS {alias}"
    return (
        f"CROSS JOIN LATERAL {quote(link.hstore_schema)}.populate_record(NULL::{table.name.sql}, change.{which})"
        f" AS {alias}"
    )


def wide_image(link: LinkPlan) -> str:
    """The image of a wide row, with the nulls."""
    hstore = quote(link.hstore_schema)
    return f"{hstore}.hstore(sent.*) OPERATOR({hstore}.-) ARRAY[{literal(WIDE_SEQ)}, {literal(WIDE_TIMES)}]"


def alias_of(column: ColumnPlan) -> str:
    """The name under which the identity of a reference is joined: the column's own, or one that is free."""
    return column.name + "_" if column.name.rstrip("_") in RESERVED else column.name


def _failure(table: TablePlan, column: ColumnPlan, value: str) -> str:
    return f"ucrepl.unresolved({literal(str(table.name))}, {literal(column.name)}, {value}::text)"


def _by_model(link: LinkPlan, table: TablePlan, column: ColumnPlan, value: str, model: str) -> Value:
    alias, known_model = quote(alias_of(column)), quote(f"model of {column.name}"[:63])
    local = f"coalesce({alias}.local_id, {value})"
    if not column.gives_ids:
        unknown = "NULL" if column.optional_rule else _failure(table, column, value)
        no_record = f"{known_model}.model IS NULL OR {value} IS NULL OR {value} = 0"
        local = f"CASE WHEN {no_record} THEN {value} ELSE coalesce({alias}.local_id, {unknown}) END"
    return Value(
        local,
        (
            f"LEFT JOIN pg_temp.model AS {known_model} ON {known_model}.model = {model}",
            _identity(link, alias, f"{known_model}.number", value),
        ),
    )


def _identity(link: LinkPlan, alias: str, number: str, value: str) -> str:
    return f"""\
LEFT JOIN ucrepl.identity AS {alias}
    ON {alias}.peer_id = {link.peer_id}
    AND {alias}.remote_table = {number}
    AND {alias}.remote_id = {value}"""


def _text_of(link: LinkPlan, name: str) -> str:
    return f"{quote(link.hstore_schema)}.fetchval(change.new, {literal(name)})"
