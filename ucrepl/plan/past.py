"""SQL that gives changes of the journal the columns and keys that their tables have now."""

from collections.abc import Sequence
from dataclasses import dataclass

from ucrepl.plan.catalog import Table
from ucrepl.plan.rows import row_key
from ucrepl.plan.text import lines, literal, quote


@dataclass(frozen=True, slots=True)
class Past:
    """What a table of the source was, by its number there.

    `names`: (name of a column, its name now, the transaction that has changed it); `reused`: another column has one of
    these names now. `keys` are other columns of which keys of changes are made, `key_columns` those of changes written
    now. `altered` is the last transaction that has altered a column. `only` are the columns that may leave, None where
    others may, too.
    """

    number: int
    table: Table
    names: tuple[tuple[str, str, str], ...] = ()
    reused: bool = False
    keys: tuple[tuple[str, ...], ...] = ()
    key_columns: tuple[str, ...] = ()
    altered: int = 0
    only: tuple[str, ...] | None = None

    @property
    def has_other_keys(self) -> bool:
        """Whether there are changes whose keys are not those of now."""
        return bool(self.table.key and (self.keys or self.key_columns != self.table.key))

    @property
    def is_other(self) -> bool:
        """Whether changes have to be rewritten."""
        return bool(self.names or self.has_other_keys or self.only is not None)


def as_now(hstore: str, pasts: Sequence[Past], numbered: str = "numbered") -> str:
    """What stands for `numbered` in the query `batch` where tables were otherwise when changes of them were written."""
    if not pasts:
        return numbered
    images = {
        side: _case([(p.number, _image(hstore, p, f"c.{side}")) for p in pasts], f"c.{side}") for side in ("old", "new")
    }
    renamed = f"""\
(
SELECT
c.seq, c.xid, c.table_id, c.number, c.op, c.key, c.at,
{images["old"]} AS old,
{images["new"]} AS new
FROM {numbered} AS c
)"""
    keyed = [p for p in pasts if p.has_other_keys]
    if not keyed:
        return renamed
    return f"""\
(
SELECT
c.seq, c.xid, c.table_id, c.number, c.at, c.old, c.new,
{_case([(p.number, _op(hstore, p)) for p in keyed], "c.op")} AS op,
{_case([(p.number, _key(hstore, p)) for p in keyed], "c.key")} AS key
FROM {renamed} AS c
)"""


def _case(cases: Sequence[tuple[int, str]], otherwise: str) -> str:
    whens = "\n".join(f"WHEN {number} THEN {sql}" for number, sql in cases)
    return f"CASE c.table_id\n{whens}\nELSE {otherwise} END"


def _image(hstore: str, past: Past, image: str) -> str:
    """An image with the names that columns have now.

    Where a name is that of another column now, only changes that were written before have it for this one.
    """
    schema = quote(hstore)
    if past.names:
        rows = (f"({literal(was)}, {literal(now)}, {literal(xid)}::xid8)" for was, now, xid in past.names)
        before = " AND c.xid < v.until_xid" if past.reused else ""
        image = f"""\
CASE WHEN {schema}.exists_any({image}, {_texts([was for was, _, _ in past.names])}) THEN coalesce((
    SELECT {schema}.hs_concat(
        {schema}.delete({image}, array_agg(v.was)),
        {schema}.hstore(array_agg(v.name), array_agg({schema}.fetchval({image}, v.was)))
    )
    FROM (
        VALUES
{lines(rows, depth=2)}
    ) AS v (was, name, until_xid)
    WHERE {schema}.exist({image}, v.was){before}
), {image}) ELSE {image} END"""
    return image if past.only is None else f"{schema}.slice({image}, {_texts(past.only)})"


def _op(hstore: str, past: Past) -> str:
    changes_key = f"{quote(hstore)}.exists_any(c.new, {_texts(past.table.key)})"
    return f"CASE WHEN c.op IN ('U', 'K') THEN CASE WHEN {changes_key} THEN 'K'::\"char\" ELSE 'U' END ELSE c.op END"


def _key(hstore: str, past: Past) -> str:
    """The key made of the columns of now; null where they are not known.

    The row is looked up by the key that it had where no other one can have that, and no row has got another new key
    meanwhile.
    """
    wanted = _texts(past.table.key)
    image = "CASE c.op WHEN 'I' THEN c.new ELSE c.old END"
    values = [f"ucrepl.rebuilt_key(c.key, k.made_of, {wanted}, {image})"]
    if lookups := _lookups(past):
        moved = f"j.table_id = {past.number} AND j.op IN ('U', 'K') AND {quote(hstore)}.exists_any(j.new, {wanted})"
        never_moved = f"NOT EXISTS (SELECT FROM ucrepl.journal AS j WHERE {moved})"
        values.append(f"CASE WHEN c.op = 'U' AND {never_moved} THEN CASE k.made_of {' '.join(lookups)} END END")
    return f"""\
(
    SELECT CASE WHEN c.op IN ('I', 'U', 'K', 'D') THEN coalesce(
{lines(values, depth=2)}
    ) ELSE c.key END
    FROM ({_made_of(past)}) AS k (made_of)
)"""


def _made_of(past: Past) -> str:
    """The columns, by their names of now, of which the key of a change is made."""
    known = f"""\
SELECT coalesce(
        (
            SELECT f.key_columns::text[]
            FROM ucrepl.former_key AS f
            WHERE f.table_id = {past.number} AND f.until_seq >= c.seq
            ORDER BY f.until_seq
            LIMIT 1
        ),
        (SELECT t.key_columns::text[] FROM ucrepl.tracked_table AS t WHERE t.table_id = {past.number})
    )"""
    cases = [f"WHEN {_texts(columns)} THEN {_texts(called)}" for columns, called in _called(past) if columns != called]
    if not cases:
        return known
    return f"SELECT CASE m.columns {' '.join(cases)} ELSE m.columns END FROM ({known}) AS m (columns)"


def _called(past: Past) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The keys of changes, and how their columns are called now."""
    now = {was: name for was, name, _ in past.names} if not past.reused else {}
    return [
        (columns, tuple(now.get(name, name) for name in columns))
        for columns in dict.fromkeys([*past.keys, past.key_columns])
    ]


def _lookups(past: Past) -> list[str]:
    """The cases of an expression that looks the key of a row up by its former key, as far as that is unique still."""
    unique = [set(key) for key in past.table.unique_keys]
    cases = []
    for _, called in _called(past):
        if {*called} not in unique or called == past.table.key:
            continue
        one = len(called) == 1
        same = " AND ".join(
            f"row.{quote(name)} = ({'c.key' if one else f'(c.key::text[])[{i}]'})::{past.table.columns[name].type}"
            for i, name in enumerate(called, start=1)
        )
        rows = f"{past.table.only}{past.table.name.sql} AS row"
        cases.append(f"WHEN {_texts(called)} THEN (SELECT {row_key(past.table)} FROM {rows} WHERE {same})")
    return cases


def _texts(names: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(map(literal, names))}]::text[]"
