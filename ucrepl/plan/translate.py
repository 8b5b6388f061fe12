"""SQL expressions that turn a value of the source into the value that the target must hold."""

from collections.abc import Callable
from dataclasses import dataclass

from ucrepl.plan.model import WIDE_ID, WIDE_SEQ, WIDE_TIMES, ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.references import Argument, Hop, Path, Reference
from ucrepl.plan.text import lines, literal, quote, remark

# Names that the generated statements give to the change, its new and old row, the local row and its identity.
RESERVED = frozenset({"change", "sent", "was", "target", "own", "model", "here", "candidate", "known"})

_FEW_COLUMNS = 10
"""So many columns are taken out of an image one by one sooner than all of them at once."""


@dataclass(frozen=True, slots=True)
class Value:
    """An expression, and the joins that must stand in the statement for it."""

    sql: str
    joins: tuple[str, ...] = ()


def sent(column: ColumnPlan) -> str:
    """The value of a column in the new image."""
    return f"sent.{quote(column.name)}"


def extracted(link: LinkPlan, column: ColumnPlan) -> str:
    """The value of a column taken out of the new image by itself, where unfolding the whole image would cost more."""
    return f"{_text_of(link, column.name)}::{column.column.type}"


def is_filled(link: LinkPlan, column: ColumnPlan) -> str:
    """The condition that the new image has a value for a column that is no empty text."""
    return f"{_text_of(link, column.name)} <> ''"


def was(column: ColumnPlan) -> str:
    """The value of a column in the old image."""
    return f"was.{quote(column.name)}"


@dataclass(frozen=True, slots=True)
class Row:
    """Where the other columns of a row are found: in an image, in the local row of this name, or in either."""

    image: Callable[[ColumnPlan], str] | None = sent
    local: str | None = None

    def text(self, table: TablePlan, name: str) -> str:
        """A column that is no reference."""
        here = f"{self.local}.{quote(name)}"
        if self.image is None:
            return here
        there = self.image(table.column(name))
        return f"coalesce({there}, {here})" if self.local else there


SENT = Row()
"""A row that is new: all that is known of it is in the new image."""


def translated(
    link: LinkPlan, table: TablePlan, column: ColumnPlan, value: str, row: Row = SENT, *, many: bool = False
) -> Value:
    """The value of a column for the target; references are joined to the identity map.

    A reference to a record that is not known raises UC001 when the statement meets it, unless a rule makes it null; a
    reference by model name is left as it is where its model has no table that is replicated. A record to which a column
    without a foreign key refers is given an id, unless a rule says otherwise: it may come later, or never, as on the
    source. `many`: for so many rows that the statement may take longer to begin.
    """
    if column.reference is not None:
        return Value(mapped_value(link, table, column, value, row, "write", many=many))
    if column.model_column is not None:
        return _by_model(link, table, column, value, row.text(table, column.model_column))
    if column.refers_to is None:
        return Value(value)
    alias = quote(alias_of(column))
    number = link.space_of(column.refers_to)
    join = _identity(link, alias, f"{number} {remark(str(column.refers_to))}", value)
    if column.optional_rule:
        return Value(f"{alias}.local_id", (join,))
    return Value(
        f"CASE WHEN {value} IS NULL THEN NULL ELSE coalesce({alias}.local_id, {_failure(table, column, value)}) END",
        (join,),
    )


def translated_once(link: LinkPlan, table: TablePlan, column: ColumnPlan, row: Row) -> Value:
    """The same for a statement that needs the value of a row more than once: what a function makes of it is joined."""
    value = translated(link, table, column, sent(column), row)
    if column.reference is None:
        return value
    alias = quote(alias_of(column))
    return Value(f"{alias}.value", (f"CROSS JOIN LATERAL (\n{lines([f'SELECT {value.sql} AS value'])}\n) AS {alias}",))


def found_ahead(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> Value:
    """The value of a column of a wide row, whose reference has been looked up before, in the row `known`.

    What was not to be found then is looked up again: it may have been written since.
    """
    if column.refers_to is None:
        return Value(sent(column))
    found = [f"known.{quote(column.name)}", looked_up(link, table, column, sent(column))]
    if not column.optional_rule:
        found.append(_failure(table, column, sent(column)))
    return Value(f"CASE WHEN {sent(column)} IS NOT NULL THEN coalesce({', '.join(found)}) END")


def looked_up(link: LinkPlan, table: TablePlan, column: ColumnPlan, value: str, row: Row | None = None) -> str:
    """The same as an expression without joins, null for a record that is not known: for old values and for keys.

    Other columns have by default their old values, or else those of the local row. Where ids are shared, nobody hands
    out an id for a record that was only mentioned by model name: it stands for itself.
    """
    row = row or Row(was, "target")
    if column.reference is not None:
        return mapped_value(link, table, column, value, row, "known")
    if column.model_column is not None:
        model = row.text(table, column.model_column)
        local = f"coalesce(i.local_id, {value})" if link.shared_with else "i.local_id"
        return (
            f"(SELECT CASE WHEN m.model IS NULL OR {value} = 0 THEN {value} ELSE {local} END FROM (SELECT) AS one"
            f" LEFT JOIN pg_temp.model AS m ON m.model = {model}"
            f" LEFT JOIN ucrepl.identity AS i ON i.peer_id = {link.peer_id} AND i.remote_table = m.number"
            f" AND i.remote_id = {value})"
        )
    if column.refers_to is None:
        return value
    number = link.space_of(column.refers_to)
    return (
        f"(SELECT i.local_id FROM ucrepl.identity AS i WHERE i.peer_id = {link.peer_id}"
        f" AND i.remote_table = {number} AND i.remote_id = {value})"
    )


def mapped_value(  # noqa: PLR0913 - what is translated, for whom, and how
    link: LinkPlan, table: TablePlan, column: ColumnPlan, value: str, row: Row, way: str, *, many: bool = False
) -> str:
    """The value of a column that has a kind of reference, by the function of that kind.

    `way`: `known` only looks ids up, `back` turns ids of the target into those of the source. What is to be written
    (`write`) gives ids to records that are mentioned for the first time, and is certain: else the local value stays,
    and a new row, or one that may not keep its value, gets what means nothing. `many`: an object whose records are all
    known needs no call of a function.
    """
    reference, type_ = column.reference or Reference("none", ""), column.column.type
    if column.is_local:
        return f"NULL::{type_}" if way == "write" else value
    if link.same_ids:
        return value
    writes = way == "write"
    maps = ("make" if column.gives_ids else "known") if writes else way
    carried = value if type_ == reference.carrier else f"{value}::{reference.carrier}"
    arguments = (argument_of(link, table, argument, row) for argument in reference.arguments)
    given = ", ".join([str(link.peer_id), carried, *arguments, literal(maps)])
    result = f"ucrepl.mapped_{reference.function}({given})"
    if many and reference.function == "object":
        spaces = {m.model: str(m.space) for m in link.models}
        if spaces.keys() >= {*reference.models}:
            numbers = (spaces.get(str(argument), "NULL") for argument in reference.arguments)
            of_known = ", ".join([str(link.peer_id), carried, *numbers])
            result = f"coalesce((SELECT k.mapped FROM ucrepl.known_object({of_known}) AS k), {result})"
    required = reference.required or column.missing == "park"
    if writes and required and not column.is_uncertain:
        result = f"coalesce({result}, {_failure(table, column, value)}::{reference.carrier})"
    if writes and column.is_uncertain:
        nothing = f"CASE WHEN {carried} ~ '^\\s*\\{{' THEN '{{}}' ELSE '[(0, ''='', 1)]' END"
        stays = row.local and not reference.required
        result = f"coalesce({result}, {f'{row.local}.{quote(column.name)}' if stays else nothing})"
    if type_ != reference.carrier:
        result = f"{result}::{type_}"
    whens = [f"WHEN {value} IS NULL THEN NULL"]
    if reference.needle:
        whens.append(f"WHEN {carried} !~ {literal(reference.needle)} THEN {value}")
    for path, wanted in reference.where:
        values = ", ".join(literal(one) for one in wanted)
        whens.append(f"WHEN ({followed(link, table, path, row)} IN ({values})) IS NOT TRUE THEN {value}")
    return f"CASE\n{lines([*whens, f'ELSE {result}'], separator='')}\nEND"


def argument_of(link: LinkPlan, table: TablePlan, argument: Argument, row: Row) -> str:
    """What a function `mapped_*` is given besides the value."""
    match argument:
        case Path():
            return followed(link, table, argument, row)
        case tuple():
            return f"ARRAY[{', '.join(map(literal, argument))}]"
        case None:
            return "NULL"
    return literal(argument)


def followed(link: LinkPlan, table: TablePlan, path: Path, row: Row) -> str:
    """What stands at a path, seen from a row: on the target, or, where both are written at once, in the batch."""
    column = next((c for c in table.columns if c.name == path.column), None)
    if column is None or (column.refers_to is None and column.reference is None and not path.hops):
        found = row.text(table, path.column) if column else f"{row.local}.{quote(path.column)}"
    else:
        found = f"{row.local}.{quote(path.column)}" if row.local else "NULL"
        if row.image:
            there = looked_up(link, table, column, row.image(column), row)
            found = f"coalesce({there}, {found})" if row.local else there
    for i, hop in enumerate(path.hops):
        staged = None
        if row.image and column and not i and link.in_circle(table.number, hop.number):
            staged = row.image(column)
        found = _stepped(link, hop, found, staged)
    if path.before:
        found = f"split_part({found}, {literal(path.before)}, 1)"
    if path.choices:
        whens = (f"WHEN {_is_called(found, value)} THEN {literal(model)}" for value, model in path.choices)
        found = f"CASE {' '.join(whens)} END"
    if path.field:
        name = row.text(table, path.field)
        whens = (
            f"WHEN {literal(value)} THEN coalesce({', '.join(_refers_to(found, literal(one)) for one in names)})"
            for value, names in path.fields
        )
        found = f"CASE {name} {' '.join(whens)} END" if path.fields else _refers_to(found, name)
    return found


def _refers_to(model: str, name: str) -> str:
    """The model to which a field of a model refers, null where there is no such field, or it refers to none."""
    return f"nullif(ucrepl.field_refers_to({model}, {name}), '')"


def _is_called(expression: str, name: str) -> str:
    """The condition that a text is a name, or begins with what stands before the `*` of it."""
    if name.endswith("*"):
        return f"starts_with({expression}, {literal(name.removesuffix('*'))})"
    return f"{expression} = {literal(name)}"


def _stepped(link: LinkPlan, hop: Hop, found: str, staged: str | None) -> str:
    """A column of the row with the id `found`; `staged`, its key on the source, where it may be in the batch only."""
    here = f"(SELECT r.{quote(hop.column)} FROM {hop.rows} AS r WHERE r.{quote(hop.key)} = {found})"
    if staged is None:
        return here
    value = f"{quote(link.hstore_schema)}.fetchval(staged.new, {literal(hop.column)})"
    return (
        f"coalesce({here}, (SELECT {value}::{hop.type} FROM pg_temp.change AS staged"
        f" WHERE staged.table_id = {hop.number} AND staged.key = {staged}::text AND staged.op <> 'D' LIMIT 1))"
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
            f"    ON own.peer_id = {link.peer_id} AND own.remote_table = {table.space}"
            f" AND own.remote_id = change.key::bigint"
        )
        return Value(f"{row}.{quote(table.table.key[0])} = own.local_id", (join,))
    conditions = (
        f"{row}.{quote(column.name)} = {looked_up(link, table, column, key_value(table, position))}"
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
        WHERE own.peer_id = {link.peer_id} AND own.remote_table = {table.space} AND own.remote_id = change.key::bigint
    )"""


def image(link: LinkPlan, table: TablePlan, which: str, alias: str, used_in: str | None = None) -> str:
    """The join that unfolds an image (`new` or `old`) of the change into typed columns.

    `used_in`: SQL in which all columns stand that are needed; a few are taken out by themselves, where no type has a
    modifier that shapes the value. So are all where a column is of a domain, and go into the type below it: a domain
    can refuse the null of what was not sent.
    """
    if table.wide and which == "new":
        return f"JOIN {table.wide_table} AS {alias} ON {alias}.{quote(WIDE_SEQ)} = change.seq"
    needed = [c for c in table.columns if used_in is None or f"{alias}.{quote(c.name)}" in used_in]
    are_few = len(needed) <= _FEW_COLUMNS and not any(c.column.limited for c in needed)
    if are_few or any(c.column.domain for c in table.columns):
        fetch = f"{quote(link.hstore_schema)}.fetchval(change.{which}, "
        typed = [f"{fetch}{literal(c.name)})::{c.column.type} AS {quote(c.name)}" for c in needed]
        return f"CROSS JOIN LATERAL (\n    SELECT\n{lines(typed, depth=2)}\n    OFFSET 0\n) AS {alias}"
    return (
        f"CROSS JOIN LATERAL {quote(link.hstore_schema)}.populate_record(NULL::{table.name.sql}, change.{which})"
        f" AS {alias}"
    )


def wide_image(link: LinkPlan) -> str:
    """The image of a wide row, with the nulls."""
    hstore = quote(link.hstore_schema)
    others = ", ".join(map(literal, (WIDE_SEQ, WIDE_TIMES, WIDE_ID)))
    return f"{hstore}.hstore(sent.*) OPERATOR({hstore}.-) ARRAY[{others}]"


def alias_of(column: ColumnPlan) -> str:
    """The name under which the identity of a reference is joined: the column's own, or one that is free."""
    return column.name + "_" if column.name.rstrip("_") in RESERVED else column.name


def _failure(table: TablePlan, column: ColumnPlan, value: str) -> str:
    return f"ucrepl.unresolved({literal(str(table.name))}, {literal(column.name)}, {value}::text)"


def _by_model(link: LinkPlan, table: TablePlan, column: ColumnPlan, value: str, model: str) -> Value:
    alias, known_model = quote(alias_of(column)), quote(f"model of {column.name}"[:63])
    local = f"""\
CASE WHEN {known_model}.ids = 'never' AND {value} <> 0
    THEN {alias}.local_id ELSE coalesce({alias}.local_id, {value}) END"""
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
