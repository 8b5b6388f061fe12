"""SQL that writes the changes of a batch: set-based, a table or a circle of tables at a time."""

from collections.abc import Mapping, Sequence

from ucrepl.plan import members, wide
from ucrepl.plan.identify import shipped
from ucrepl.plan.model import WIDE_ID, WIDE_SEQ, ColumnPlan, LinkPlan, Protection, TablePlan
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.translate import (
    Row,
    Value,
    found_ahead,
    image,
    looked_up,
    own_row,
    sent,
    translated,
    translated_once,
    was,
)
from ucrepl.plan.types import distinct, empty, same


def in_one_statement(statements: Sequence[str]) -> str:
    """Several writing statements as one: foreign keys are checked at its end, so that circles need no second pass.

    The rows written by all of them are counted in the result of the statement, one row (position, count) a statement.
    """
    parts = ",\n".join(f"written_{i} AS (\n{_indent(s)}\n    RETURNING 1\n)" for i, s in enumerate(statements))
    counts = "\nUNION ALL\n".join(f"SELECT {i}, count(*) FROM written_{i}" for i in range(len(statements)))
    return f"WITH {parts}\n{counts}"


def insert(link: LinkPlan, table: TablePlan) -> str:
    """Inserts the new records of a table."""
    return _insert_changes(link, table, many=False)


def insert_many(link: LinkPlan, table: TablePlan) -> str:
    """The same, for many of them: it takes longer to begin."""
    return _insert_changes(link, table, many=True)


def _insert_changes(link: LinkPlan, table: TablePlan, *, many: bool) -> str:
    values = {c.name: translated(link, table, c, sent(c), many=many) for c in _written(table)}
    rows = ["pg_temp.change AS change", image(link, table, "new", "sent")]
    where = f"WHERE change.table_id = {table.number} AND change.op = 'I'"
    if not table.surrogate:
        return _insert(table, values, rows, where)
    return _insert(
        table, {table.table.key[0]: Value("own.local_id", own_row(link, table).joins), **values}, rows, where
    )


def insert_wide(link: LinkPlan, table: TablePlan) -> str:
    """Inserts all wide rows of a table, which are new, with the ids that they have got."""
    rows = [f"{table.wide_table} AS sent"]
    values = {table.table.key[0]: Value(f"sent.{quote(WIDE_ID)}")}
    if wide.looked_up_ahead(table):
        rows.append(f"JOIN {table.ids_table} AS known ON known.{quote(WIDE_SEQ)} = sent.{quote(WIDE_SEQ)}")
        values |= {c.name: found_ahead(link, table, c) for c in _written(table)}
    else:
        values |= {c.name: translated(link, table, c, sent(c), many=True) for c in _written(table)}
    return _insert(table, values, rows)


def _written(table: TablePlan) -> list[ColumnPlan]:
    """The columns of a new row that come from its image: not an id that is mapped, nor what PostgreSQL computes."""
    mapped = table.table.key if table.surrogate else ()
    return [c for c in table.columns if c.name not in mapped and not c.column.generated]


def _insert(table: TablePlan, values: Mapping[str, Value], rows: Sequence[str], where: str = "") -> str:
    """Inserts `rows` (a relation and what is joined to it), in which the new image is called `sent`."""
    joins = [*rows, *(join for value in values.values() for join in value.joins)]
    overriding = "OVERRIDING SYSTEM VALUE\n" if any(c.column.identity for c in table.columns) else ""
    only_key = not table.surrogate and not table.value_columns
    # A row that is nothing but its key (many2many) can be there already: the other side has linked the same two.
    conflict = f"\nON CONFLICT ({', '.join(map(quote, table.table.key))}) DO NOTHING" if only_key else ""
    return f"""\
INSERT INTO {table.name.sql} (
{lines(map(quote, values))}
)
{overriding}SELECT
{lines(value.sql for value in values.values())}
FROM {_joined(joins)}
{where}{conflict}"""


def update(
    link: LinkPlan,
    table: TablePlan,
    columns: Sequence[ColumnPlan],
    *,
    uniform: bool,
    guarded: bool,
    with_key: bool = False,
) -> str:
    """Updates the changed columns of the local rows.

    `uniform`: every change of the table in the batch has all these columns. `guarded`: a row in which one of them holds
    neither the old nor the new value is left alone (the caller sees that a row is missing in the count, and resolves
    the conflict); without it, all rows that differ are written. `with_key`: the key columns change too (op K of a table
    whose key is not mapped).
    """
    writable = [c for c in columns if c.protection is not Protection.NEVER]
    if with_key:
        writable = [*(c for c in table.key_columns if not c.column.generated), *writable]
    row = own_row(link, table)
    here = f"JOIN {table.table.only}{table.name.sql} AS here ON {own_row(link, table, 'here').sql}"
    joins = [here] if any(c.siblings or c.is_uncertain for c in writable) else []
    values: dict[str, str] = {}
    merges: dict[str, members.Change] = {}
    for column in writable:
        if column.by_key:
            merges[column.name] = merge = members.change(link, table, column, "here")
            joins += merge.joins
            values[column.name] = merge.protected
        else:
            value = translated_once(link, table, column, Row(sent, "here"))
            joins += value.joins
            values[column.name] = value.sql
    assignments = [
        f"{quote(c.name)} = {_if_sent(link, c, _result(c, values[c.name]), uniform=uniform)}" for c in writable
    ]
    conditions = [f"change.table_id = {table.number}", f"change.op IN ({_operations(guarded, with_key)})", row.sql]
    if guarded:
        conditions += [
            _if_not_sent(
                link,
                c,
                merges[c.name].fits
                if c.name in merges
                else f"({same(f'target.{quote(c.name)}', values[c.name], c.column.type)}"
                f" OR {same(f'target.{quote(c.name)}', looked_up(link, table, c, was(c)), c.column.type)})",
                uniform=uniform,
            )
            for c in writable
            if c.can_conflict
        ]
    elif not with_key:
        different = [
            _and_sent(link, c, distinct(f"target.{quote(c.name)}", _compared(c, values[c.name]), c.column.type))
            for c in writable
        ]
        conditions.append("(\n" + lines(different, separator=" OR", depth=2) + "\n    )")
    used = _joined([*assignments, *joins, *conditions])
    images = [image(link, table, "new", "sent", used)]
    if merges or any(c.adds_up or (guarded and c.can_conflict) for c in writable):
        images.append(image(link, table, "old", "was", used))
    joins = [*row.joins, *images, *joins]
    return f"""\
UPDATE {table.table.only}{table.name.sql} AS target
SET
{lines(assignments)}
FROM pg_temp.change AS change
{_joined(joins)}
WHERE {(chr(10) + "    AND ").join(conditions)}"""


def late(link: LinkPlan, table: TablePlan) -> str:
    """Writes the values of columns that the source has no more, of changes from when it had them."""
    row, hstore = own_row(link, table), quote(link.hstore_schema)
    names = ", ".join(literal(c.name) for c in table.late_columns)
    assignments = [
        f"{quote(c.name)} = CASE WHEN {hstore}.exist(change.new, {literal(c.name)})"
        f" THEN {hstore}.fetchval(change.new, {literal(c.name)})::{c.type} ELSE target.{quote(c.name)} END"
        for c in table.late_columns
    ]
    return f"""\
UPDATE {table.table.only}{table.name.sql} AS target
SET
{lines(assignments)}
FROM pg_temp.change AS change
{_joined(row.joins)}
WHERE change.table_id = {table.number} AND change.op IN ('I', 'U', 'M')
    AND {hstore}.exists_any(change.new, ARRAY[{names}]::text[]) AND {row.sql}"""


def delete(link: LinkPlan, table: TablePlan) -> str:
    """Deletes the local rows of deleted records. A row that is not there has been deleted by a cascade."""
    row = own_row(link, table)
    return f"""\
DELETE FROM {table.table.only}{table.name.sql} AS target
USING pg_temp.change AS change
{_joined(row.joins)}
WHERE change.table_id = {table.number} AND change.op = 'D' AND {row.sql}"""


def bury(link: LinkPlan, table: TablePlan) -> str:
    """Makes a tombstone of the identity of every deleted record."""
    return f"""\
UPDATE ucrepl.identity AS identity
SET deleted_at = now(), shipped_xid = {shipped(link)}
FROM pg_temp.change AS change
WHERE change.table_id = {table.number} AND change.op = 'D'
    AND {_is_identity(link, table)}"""


def revive(link: LinkPlan, table: TablePlan) -> str:
    """Takes the tombstone away from a record that is inserted again under its old id."""
    return f"""\
UPDATE ucrepl.identity AS identity
SET deleted_at = NULL, shipped_xid = {shipped(link)}
FROM pg_temp.change AS change
WHERE change.table_id = {table.number} AND change.op = 'I'
    AND {_is_identity(link, table)}
    AND identity.deleted_at IS NOT NULL"""


def _is_identity(link: LinkPlan, table: TablePlan) -> str:
    """The condition that picks the identity of the record of a change, for all peers that share ids."""
    if not link.has_several_peers:
        return (
            f"identity.peer_id = {link.peer_id} AND identity.remote_table = {table.space}"
            " AND identity.remote_id = change.key::bigint"
        )
    return (
        f"identity.peer_id IN {link.peers} AND identity.local_table = {table.space} AND identity.local_id ="
        f" (SELECT own.local_id FROM ucrepl.identity AS own WHERE own.peer_id = {link.peer_id}"
        f" AND own.remote_table = {table.space} AND own.remote_id = change.key::bigint)"
    )


def truncate(link: LinkPlan, table: TablePlan) -> str:
    """Deletes all rows that the source knows, which is what its TRUNCATE means: rows of the target's own stay."""
    if table.surrogate:
        known = [_is_known(link, table.space, table.table.key[0])]
    else:
        known = [
            _is_known(link, link.space_of(c.refers_to), c.name) for c in table.key_columns if c.refers_to is not None
        ]
    where = f"\nWHERE {' AND '.join(known)}" if known else ""
    return f"DELETE FROM {table.table.only}{table.name.sql} AS target{where}"


def bury_truncated(link: LinkPlan, table: TablePlan) -> str:
    """Makes a tombstone of the identity of every record that is not here any more."""
    rows = f"{table.table.only}{table.name.sql}"
    if table.space != table.number:
        rows = link.tables[table.space].name.sql  # with all that inherit from it
    return f"""\
UPDATE ucrepl.identity AS identity
SET deleted_at = now(), shipped_xid = {shipped(link)}
WHERE identity.peer_id IN {link.peers} AND identity.remote_table = {table.space} AND identity.deleted_at IS NULL
    AND NOT EXISTS (
        SELECT FROM {rows} AS target
        WHERE target.{quote(table.table.key[0])} = identity.local_id
    )"""


def free_id(link: LinkPlan, table: TablePlan) -> str:
    """Forgets the tombstone of a deleted record whose id another record is about to get."""
    new_key = f"{quote(link.hstore_schema)}.fetchval(change.new, {literal(table.table.key[0])})"
    return f"""\
DELETE FROM ucrepl.identity AS identity
USING pg_temp.change AS change
WHERE change.table_id = {table.number} AND change.op = 'K'
    AND identity.peer_id = {link.peer_id} AND identity.remote_table = {table.space}
    AND identity.remote_id = ({new_key})::bigint AND identity.deleted_at IS NOT NULL"""


def rekey(link: LinkPlan, table: TablePlan) -> str:
    """Follows the update of an id on the source: the local id stays, the map changes, the rest is an update."""
    new_key = f"{quote(link.hstore_schema)}.fetchval(change.new, {literal(table.table.key[0])})"
    return f"""\
WITH moved AS (
    UPDATE ucrepl.identity AS identity
    SET remote_id = ({new_key})::bigint, shipped_xid = {shipped(link)}
    FROM pg_temp.change AS change
    WHERE change.table_id = {table.number} AND change.op = 'K'
        AND identity.peer_id = {link.peer_id} AND identity.remote_table = {table.space}
        AND identity.remote_id = change.key::bigint
),
followed AS (
    UPDATE pg_temp.rekeyed AS rekeyed
    SET now = ({new_key})::bigint
    FROM pg_temp.change AS change
    WHERE change.table_id = {table.number} AND change.op = 'K'
        AND rekeyed.table_id = {table.number} AND rekeyed.now = change.key::bigint
),
outdated AS (
    DELETE FROM pg_temp.rekeyed AS rekeyed
    USING pg_temp.change AS change
    WHERE change.table_id = {table.number} AND change.op = 'K'
        AND rekeyed.table_id = {table.number} AND rekeyed.was = change.key::bigint
),
noted AS (
    INSERT INTO pg_temp.rekeyed (table_id, was, now)
    SELECT change.table_id, change.key::bigint, ({new_key})::bigint
    FROM pg_temp.change AS change
    WHERE change.table_id = {table.number} AND change.op = 'K'
)
UPDATE pg_temp.change AS change
SET op = 'U', key = {new_key}
WHERE change.table_id = {table.number} AND change.op = 'K'"""


def moved_already(link: LinkPlan, table: TablePlan) -> str:
    """Takes the update of a key whose row has it already (ON UPDATE CASCADE) for an update of that row."""
    here = " AND ".join(
        f"target.{quote(c.name)} = {looked_up(link, table, c, f'({_new_key(link, table, i)})::{c.column.type}')}"
        for i, c in enumerate(table.key_columns)
    )
    hstore = quote(link.hstore_schema)
    names = f"ARRAY[{', '.join(literal(name) for name in table.table.key)}]"
    return f"""\
UPDATE pg_temp.change AS change
SET
    op = 'U',
    key = {new_key(link, table)},
    old = {hstore}.delete(change.old, {names}),
    new = {hstore}.delete(change.new, {names})
FROM {table.table.only}{table.name.sql} AS target
WHERE change.table_id = {table.number} AND change.op = 'K' AND {here}"""


def key_alone(link: LinkPlan, table: TablePlan) -> str:
    """Takes the update of a key that is all there is to a row (many2many) for an insert: the old row is not here."""
    names = ", ".join(literal(name) for name in table.table.key)
    keys = ", ".join(_new_key(link, table, i) for i in range(len(table.table.key)))
    return f"""\
UPDATE pg_temp.change AS change
SET op = 'I', old = NULL, new = {quote(link.hstore_schema)}.hstore(ARRAY[{names}], ARRAY[{keys}])
WHERE change.table_id = {table.number} AND change.op = 'K'"""


def new_key(link: LinkPlan, table: TablePlan) -> str:
    """The source's new key of an op K, as the journal has keys."""
    keys = [_new_key(link, table, i) for i in range(len(table.table.key))]
    return keys[0] if len(keys) == 1 else f"ARRAY[{', '.join(keys)}]::text"


def _new_key(link: LinkPlan, table: TablePlan, position: int) -> str:
    """The source's new value of a key column of an op K, as text."""
    name = literal(table.table.key[position])
    hstore = quote(link.hstore_schema)
    old = "change.key" if len(table.table.key) == 1 else f"(change.key::text[])[{position + 1}]"
    return f"CASE WHEN {hstore}.exist(change.new, {name}) THEN {hstore}.fetchval(change.new, {name}) ELSE {old} END"


def _is_known(link: LinkPlan, number: int, column: str) -> str:
    return (
        f"EXISTS (SELECT FROM ucrepl.identity AS i WHERE i.peer_id = {link.peer_id}"
        f" AND i.local_table = {number} AND i.local_id = target.{quote(column)})"
    )


def _operations(guarded: bool, with_key: bool) -> str:  # noqa: FBT001 - two private flags, named at every call
    if with_key:
        return "'K'"
    return "'U'" if guarded else "'U', 'M'"


def _result(column: ColumnPlan, value: str) -> str:
    """What a column holds after an update. One that adds up has the source's value where its record is recognised."""
    if not column.adds_up:
        return protected(column, value)
    name = quote(column.name)
    now, was_, here = (f"coalesce({row}.{name}::numeric, 0)" for row in ("sent", "was", "target"))
    total = f"({here} + {now} - {was_})"
    return (
        f"CASE WHEN change.op = 'M' AND change.old IS NULL THEN {value}"
        f" WHEN sent.{name} IS NULL THEN nullif({total}, 0)::{column.column.type}"
        f" ELSE {total}::{column.column.type} END"
    )


def _compared(column: ColumnPlan, value: str) -> str:
    """What tells whether an update changes a column."""
    return _result(column, value) if column.adds_up else value


def protected(column: ColumnPlan, value: str) -> str:
    """The value that a column gets for one of the source, as far as its protection lets it through.

    Of a column that is merged key by key the value is that already.
    """
    current = f"target.{quote(column.name)}"
    if column.by_key:
        return value
    match column.protection:
        case Protection.NOT_EMPTY:
            return f"CASE WHEN {empty(value, column.column.type)} THEN {current} ELSE {value} END"
        case Protection.WHILE_EMPTY:
            return f"CASE WHEN {empty(current, column.column.type)} THEN {value} ELSE {current} END"
        case Protection.COUNTER:
            return f"greatest({current}, {value})"
        case _:
            return value


def _exists(link: LinkPlan, column: ColumnPlan) -> str:
    return f"{quote(link.hstore_schema)}.exist(change.new, {literal(column.name)})"


def _if_sent(link: LinkPlan, column: ColumnPlan, value: str, *, uniform: bool) -> str:
    if uniform:
        return value
    return f"CASE WHEN {_exists(link, column)} THEN {value} ELSE target.{quote(column.name)} END"


def _if_not_sent(link: LinkPlan, column: ColumnPlan, condition: str, *, uniform: bool) -> str:
    return condition if uniform else f"(NOT {_exists(link, column)} OR {condition})"


def _and_sent(link: LinkPlan, column: ColumnPlan, condition: str) -> str:
    return f"({_exists(link, column)} AND {condition})"


def _joined(joins: Sequence[str]) -> str:
    return "\n".join(joins)


def _indent(statement: str) -> str:
    return lines([statement])
