"""SQL that finds which records staged changes refer to that are not here, so that they can be fetched."""

from collections.abc import Collection, Sequence

from ucrepl.plan.closure import is_link_table
from ucrepl.plan.mask import ROW
from ucrepl.plan.model import ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.rows import row_key, with_parameters
from ucrepl.plan.text import lines, literal, quote


def ask(link: LinkPlan, table: TablePlan, columns: Sequence[ColumnPlan], *, fetched: bool) -> str:
    """Asks for the records to which these columns of the staged changes refer, and that are neither here nor staged.

    `fetched`: only the rows of the round before. A record is asked for once. One that is deleted, here or there, is not
    missing, nor one whose insert is parked: it comes with that.
    """
    cases = [_reference(link, column) for column in columns]
    round_before = ""
    if fetched:
        round_before = """
JOIN pg_temp.asked AS before
    ON before.round = %(round)s - 1 AND before.table_id = change.table_id AND before.key = change.key"""
    statement = f"""\
INSERT INTO pg_temp.asked (table_id, key, round)
SELECT DISTINCT reference.table_id, reference.key, %(round)s::integer
FROM pg_temp.change AS change{round_before}
CROSS JOIN LATERAL (
{_arms(cases)}
) AS reference (table_id, key, is_absent)
WHERE change.table_id = {table.number} AND change.op IN ('I', 'U', 'M') AND reference.is_absent
    AND {_is_new("reference")}"""
    return with_parameters(statement, "round", "link")


def links(link: LinkPlan, fetched: Collection[int]) -> str | None:
    """The rows of many2many tables, as (number, key), that the source has of fetched records; None without such tables.

    `fetched` are the tables of these; the keys of those of table 7 are in the parameter `keys_7`.
    """
    arms, names = [], set()
    for table in link.followed.values():
        for column in table.key_columns if is_link_table(table) else ():
            number = link.number_of(column.refers_to) if column.refers_to else 0
            if number in fetched:
                value = f"{ROW}.{quote(column.name)} = ANY (%(keys_{number})s::text[]::bigint[])"
                names.add(f"keys_{number}")
                arms.append(
                    f"SELECT {table.number}, {row_key(table.table)}\n"
                    f"FROM {table.table.only}{table.name.sql} AS {ROW} WHERE {value}"
                )
    return with_parameters("\nUNION\n".join(arms), *names) if arms else None


def ask_for_links(link: LinkPlan, table: TablePlan) -> str:
    """Asks for the rows of a many2many table with the keys in the parameter `keys` whose records all are here."""
    ends = [
        _is_here(link, link.by_name[c.refers_to], f"(link.key::text[])[{i}]")
        for i, c in enumerate(table.key_columns, start=1)
        if c.refers_to
    ]
    statement = f"""\
INSERT INTO pg_temp.asked (table_id, key, round)
SELECT {table.number}, link.key, %(round)s::integer
FROM (
    SELECT {table.number} AS table_id, k AS key
    FROM unnest(%(keys)s::text[]) AS k
) AS link
WHERE {_is_new("link")}
    AND {(chr(10) + "    AND ").join(ends)}"""
    return with_parameters(statement, "round", "link", "keys")


def ask_for_names(link: LinkPlan, names: TablePlan) -> str:
    """Asks for external ids by the keys in the parameter `keys`, where they are not known."""
    return f"""\
INSERT INTO pg_temp.asked (table_id, key, round)
SELECT {names.number}, name.key, %(round)s::integer
FROM (
    SELECT {names.number} AS table_id, k AS key
    FROM unnest(%(keys)s::text[]) AS k
) AS name
WHERE {_is_unknown(link, str(names.space), "name.key")} AND {_is_new("name")}"""


def names(names: TablePlan) -> str:
    """The keys of the external ids, on the source, that records of these `models` with these `keys` bear."""
    return f"""\
SELECT {row_key(names.table)}
FROM {names.table.only}{names.name.sql} AS {ROW}
WHERE {ROW}.model = ANY (%(models)s::text[]) AND {ROW}.res_id = ANY (%(keys)s::text[]::bigint[])"""


def null_gone(link: LinkPlan, table: TablePlan, columns: Sequence[ColumnPlan]) -> str:
    """Makes null the references of these columns to records that were asked for and that the source has no more."""
    hstore = quote(link.hstore_schema)
    cases = [f"SELECT {literal(c.name)}, {_number(link, c)}, {_text(link, c.name)}" for c in columns]
    return f"""\
UPDATE pg_temp.change AS change
SET new = {hstore}.hs_concat(change.new, gone.nulls)
FROM (
    SELECT change.seq,
        {hstore}.hstore(array_agg(reference.name), array_fill(NULL::text, ARRAY[count(*)::integer])) AS nulls
    FROM pg_temp.change AS change
    CROSS JOIN LATERAL (
{_arms(cases)}
    ) AS reference (name, table_id, key)
    JOIN pg_temp.asked AS asked
        ON asked.table_id = reference.table_id AND asked.key = reference.key AND NOT asked.found
    WHERE change.table_id = {table.number} AND change.op IN ('I', 'U', 'M')
    GROUP BY change.seq
) AS gone
WHERE change.seq = gone.seq"""


def can_be_null(table: TablePlan) -> tuple[ColumnPlan, ...]:
    """The references that fetch, and become null where the source has the record no more."""
    return tuple(c for c in table.value_columns if c.fetches and c.refers_to and not c.column.not_null)


def _reference(link: LinkPlan, column: ColumnPlan) -> str:
    """The record to which a column refers: its table, its key, and whether it is absent."""
    key = _text(link, column.name)
    if column.refers_to:
        referred = link.by_name[column.refers_to]
        return f"SELECT {referred.number}, {key}, {_is_absent(link, referred, key)}"
    model = _text(link, column.model_column or "")
    return (
        f"SELECT model.table_id, {key}, {_is_unknown(link, 'model.number', key)}"
        f" FROM pg_temp.model AS model WHERE model.model = {model} AND {key} <> '0'"
    )


def _is_unknown(link: LinkPlan, number: str, key: str) -> str:
    """Whether a record has no pair. A scalar subquery, for it is always run as an index lookup."""
    return (
        f"(SELECT true FROM ucrepl.identity AS i WHERE i.peer_id = {link.peer_id}"
        f" AND i.remote_table = {number} AND i.remote_id = {key}::bigint) IS NULL"
    )


def _is_absent(link: LinkPlan, referred: TablePlan, key: str) -> str:
    """Whether a record has no pair, or one that was made when something mentioned it, and no row.

    A row that is not here may have been deleted here: then it stays so.
    """
    here = f"SELECT true FROM {referred.table.only}{referred.name.sql} AS here"
    deleted = "SELECT FROM ucrepl.journal AS j"
    return f"""\
CASE
        WHEN {key} IS NULL THEN false
        WHEN {_is_unknown(link, str(referred.space), key)} THEN true
        ELSE (
            SELECT i.deleted_at IS NULL
                AND ({here} WHERE here.{quote(referred.table.key[0])} = i.local_id) IS NULL
                AND NOT EXISTS (
                    {deleted} WHERE j.table_id = {referred.number} AND j.key = i.local_id::text AND j.op = 'D'
                )
            FROM ucrepl.identity AS i
            WHERE i.peer_id = {link.peer_id} AND i.remote_table = {referred.space} AND i.remote_id = {key}::bigint
        )
    END"""


def _is_here(link: LinkPlan, referred: TablePlan, key: str) -> str:
    """Whether a record is here, or staged."""
    return f"""\
(EXISTS (
        SELECT FROM pg_temp.change AS born
        WHERE born.table_id = {referred.number} AND born.key = {key} AND born.op IN ('I', 'M')
    ) OR (
        SELECT true
        FROM ucrepl.identity AS i
        JOIN {referred.table.only}{referred.name.sql} AS here ON here.{quote(referred.table.key[0])} = i.local_id
        WHERE i.peer_id = {link.peer_id} AND i.remote_table = {referred.space} AND i.remote_id = {key}::bigint
    ))"""


def _is_new(alias: str) -> str:
    """Whether a record is not staged, was not asked for, and has no insert that is parked."""
    same = f"table_id = {alias}.table_id AND {{}}.key = {alias}.key"
    return f"""\
NOT EXISTS (
        SELECT FROM pg_temp.change AS born WHERE born.{same.format("born")} AND born.op IN ('I', 'M')
    )
    AND NOT EXISTS (SELECT FROM pg_temp.asked AS asked WHERE asked.{same.format("asked")})
    AND NOT EXISTS (
        SELECT FROM ucrepl.parked AS p
        WHERE p.link_id = %(link)s AND p.{same.format("p")} AND p.op = 'I' AND p.skipped_at IS NULL
    )"""


def _number(link: LinkPlan, column: ColumnPlan) -> int:
    return link.number_of(column.refers_to) if column.refers_to else 0


def _text(link: LinkPlan, name: str) -> str:
    return f"{quote(link.hstore_schema)}.fetchval(change.new, {literal(name)})"


def _arms(selects: Sequence[str]) -> str:
    return lines(selects, separator="\nUNION ALL")
