"""SQL that reads rows of a table on the source as changes, as the journal has those of rows that were just written."""

from collections.abc import Collection, Iterable

from ucrepl.plan import mask
from ucrepl.plan.catalog import Table
from ucrepl.plan.model import TablePlan
from ucrepl.plan.text import literal, quote

COLUMNS = "xid, table_id, op, key, new, at, times"
"""The columns of a staged change that these rows fill. The number of the change is given where it is staged."""

WRITTEN, ASKED_FOR = "'3'::xid8", "'2'::xid8"
"""The transactions of rows that are to be written, and of those that are only to be recognised."""

LONG_AGO = "to_timestamp(0)"
"""When a row was written that the journal does not tell of: before all that it tells of."""


def as_changes(
    plan: TablePlan, hstore: str, *, written: int | str | None = None, chosen: bool = False, subset: bool = False
) -> str:
    """The rows of a table as inserts, in the order of their keys.

    Masked columns leave as their masks say. `hstore` is the source's schema of that extension. `written`: the table's
    number on the source, where `pg_temp.written` tells when columns of some rows were last changed, or the query
    `written_since`. `chosen`: only the rows with the keys in the parameter `keys`; `subset`: only those in
    `pg_temp.chosen`.
    """
    times = "NULL" if written is None else "written.times"
    selected = from_table(plan, written=written, chosen=chosen, subset=subset)
    statement = _inserts(plan, _image(hstore, plan, None), times, selected)
    return with_parameters(statement, "keys", "position") if chosen else statement


def that_may_be_known(plan: TablePlan, hstore: str, *, subset: bool) -> str:
    """The rows as inserts with only the columns by which they are recognised, as far as the target can have them.

    That is where a recognition key is filled, or what one of the unique indexes looks at is not null.
    """
    selected = from_table(plan, subset=subset, condition=_may_be_known(plan))
    return _inserts(plan, _image(hstore, plan, plan.recognised_by), "NULL", selected)


def asked_for(plan: TablePlan, hstore: str) -> str:
    """The rows with the keys in the parameter `keys`, with only the columns by which they are recognised."""
    image, selected = _image(hstore, plan, plan.recognised_by), from_table(plan, chosen=True)
    return with_parameters(_inserts(plan, image, "NULL", selected, ASKED_FOR), "keys")


def _inserts(plan: TablePlan, image: str, times: str, selected: str, xid: str = WRITTEN) -> str:
    return f"""\
SELECT
    {xid} AS xid,
    {plan.number} AS table_id,
    'I'::"char" AS op,
    {row_key(plan.table)} AS key,
    {image} AS new,
    {LONG_AGO} AS at,
    {times} AS times
{selected}"""


def _may_be_known(plan: TablePlan) -> str:
    """The condition that a row has a recognition key that is filled, or what a unique index looks at; empty: always."""
    ways = [[f"row.{quote(name)}::text <> ''" for name in key.filled] for key in plan.recognition_keys]
    bare = {quote(c.name): c.name for c in plan.columns} | {c.name: c.name for c in plan.columns}
    ways += [
        [f"row.{quote(bare[e])} IS NOT NULL" for e in index.expressions if e in bare and not index.nulls_alike]
        for index in plan.unique_indexes
    ]
    if plan.masks or not all(ways):
        return ""
    return "\n    OR ".join(" AND ".join(conditions) for conditions in ways)


def from_table(
    plan: TablePlan,
    *,
    written: int | str | None = None,
    chosen: bool = False,
    subset: bool = False,
    condition: str = "",
) -> str:
    """The rows of the table under the name `row`, in the order of their keys, chosen as for `as_changes`.

    Those that a rule leaves out are not among them.
    """
    table = plan.table
    key = row_key(table)
    join, conditions = "", [f"({c})" for c in (condition, plan.kept) if c]
    if written is not None:
        told = f"(\n{written}\n)" if isinstance(written, str) else "pg_temp.written"
        of_table = "" if isinstance(written, str) else f"written.table_id = {written} AND "
        join = f"\nLEFT JOIN {told} AS written ON {of_table}written.key = {key}"
    if subset:
        join += f"\nJOIN pg_temp.chosen AS chosen ON chosen.table_id = {plan.number} AND {is_chosen(plan)}"
    if chosen:
        if len(table.key) == 1:
            kind = table.columns[table.key[0]].type
            conditions.append(f"row.{quote(table.key[0])} = ANY (%(keys)s::text[]::{kind}[])")
        else:
            conditions.append(f"{key} = ANY (%(keys)s)")
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(f"row.{quote(name)}" for name in table.key)
    return f"FROM {table.only}{table.name.sql} AS row{join}{where}\nORDER BY {order}"


def with_parameters(statement: str, *names: str) -> str:
    """The statement with its own percent signs (in names, in masks) told from those of these parameters."""
    statement = statement.replace("%", "%%")
    for name in names:
        statement = statement.replace(f"%%({name})s", f"%({name})s")
    return statement


def names_asked_for(plan: TablePlan, hstore: str) -> str:
    """The external ids, as inserts of their table, of records of the `models` with the `keys` (both parameters)."""
    image = _image(hstore, plan, ("module", "name", "model", "res_id"))
    selected = (
        f"FROM {plan.table.only}{plan.name.sql} AS row"
        " WHERE row.model = ANY (%(models)s::text[]) AND row.res_id = ANY (%(keys)s::text[]::bigint[])"
    )
    return with_parameters(_inserts(plan, image, "NULL", selected, ASKED_FOR), "keys", "models")


def named_records(
    plan: TablePlan, hstore: str, models: Iterable[tuple[str, TablePlan]], *, subset: bool = False
) -> str:
    """The external ids, as inserts of their table, of records that are there. `models`: model -> its table.

    `subset`: only of those in `pg_temp.chosen`.
    """
    names = plan.table
    image = _image(hstore, plan, ("module", "name", "model", "res_id"))
    parts = [
        f"""\
SELECT
    '3'::xid8 AS xid,
    {plan.number} AS table_id,
    'I'::"char" AS op,
    {row_key(names)} AS key,
    {image} AS new,
    {LONG_AGO} AS at,
    NULL::{quote(hstore)}.hstore AS times
FROM {names.only}{names.name.sql} AS row
JOIN {table.table.only}{table.name.sql} AS record ON record.{quote(table.table.key[0])} = row.res_id{
            _chosen(table) if subset and not table.protected_by else ""
        }
WHERE row.model = {literal(model)}"""
        for model, table in models
    ]
    return "\nUNION ALL\n".join(parts)


def count(plan: TablePlan, *, left_out: bool = False) -> str:
    """How many rows the table has; `left_out`: how many of them a rule leaves out."""
    where = f" WHERE NOT ({plan.kept})" if left_out else ""
    return f"SELECT count(*) FROM {plan.table.only}{plan.name.sql} AS row{where}"


def row_key(table: Table, row: str = mask.ROW) -> str:
    """The key of a row as the journal has it: its text, or that of an array of the texts of its columns."""
    texts = [f"{row}.{quote(name)}::text" for name in table.key]
    return texts[0] if len(texts) == 1 else f"ARRAY[{', '.join(texts)}]::text"


def is_chosen(table: TablePlan, alias: str = mask.ROW) -> str:
    """The condition that a row has the key in `chosen`."""
    if len(table.table.key) > 1:
        return f"chosen.key = {row_key(table.table, alias)}"
    [name] = table.table.key
    return f"{alias}.{quote(name)} = chosen.key::{table.table.columns[name].type}"


def written_later(hstore: str) -> str:
    """Fills `pg_temp.written`: when each column of a row was last changed, as far as the journal tells."""
    return f"""\
INSERT INTO pg_temp.written (table_id, key, times)
SELECT
    j.table_id,
    j.key,
    {_times(hstore)}
FROM ucrepl.journal AS j
WHERE j.op IN ('I', 'U') AND j.key IS NOT NULL
GROUP BY j.table_id, j.key"""


def written_since(hstore: str, number: int) -> str:
    """When each column of the rows in `keys` was last changed, as far as the journal tells from `position` on.

    Both are parameters; `number` is the table's on the source.
    """
    return f"""\
    SELECT j.key, {_times(hstore)} AS times
    FROM ucrepl.journal AS j
    WHERE j.xid >= pg_catalog.pg_snapshot_xmin(%(position)s::pg_snapshot)
        AND j.table_id = {number} AND j.op IN ('I', 'U') AND j.key = ANY (%(keys)s)
    GROUP BY j.key"""


def _times(hstore: str) -> str:
    schema = quote(hstore)
    return f"""\
ucrepl.overlay(
        {schema}.hstore({schema}.akeys(j.new), array_fill(j.at::text, ARRAY[cardinality({schema}.akeys(j.new))]))
        ORDER BY j.seq
    )"""


def _chosen(table: TablePlan) -> str:
    return f"\nJOIN pg_temp.chosen AS chosen ON chosen.table_id = {table.number} AND {is_chosen(table, 'record')}"


def _image(hstore: str, plan: TablePlan, columns: Collection[str] | None) -> str:
    """The image of a row, without its nulls: a column that does not come becomes null."""
    if columns is None:
        schema = quote(hstore)
        return f"{mask.image(hstore, plan.masks)} OPERATOR({schema}.-) {schema}.hstore(NULL::{plan.name.sql})"
    names = ", ".join(literal(name) for name in columns)
    values = ", ".join(plan.masks.get(name) or f"row.{quote(name)}::text" for name in columns)
    return f"{quote(hstore)}.hstore(ARRAY[{names}]::text[], ARRAY[{values}]::text[])"
