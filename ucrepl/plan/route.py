"""SQL that tells on the source, change by change, whether it goes to the target or which rule leaves it out.

What is left out does not travel: of it the target hears no more than that it was there.
"""

from collections.abc import Sequence

from ucrepl.plan.brought import FOUND_ONLY
from ucrepl.plan.catalog import Table
from ucrepl.plan.mask import ROW
from ucrepl.plan.model import Protection
from ucrepl.plan.policy import Policy, RowRule
from ucrepl.plan.text import lines, literal, quote

_FIRST_NUMBER = 1 << 30  # above the numbers of all tables


class LeftOut:
    """Hands out a number for each rule that leaves changes out of a table which is replicated."""

    def __init__(self) -> None:
        self.rules: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def number(self, rule: str) -> int:
        """The number of a rule."""
        if rule not in self._numbers:
            self._numbers[rule] = _FIRST_NUMBER + len(self._numbers)
            self.rules[self._numbers[rule]] = rule
        return self._numbers[rule]


def route(policy: Policy, table: Table, hstore: str, left_out: LeftOut) -> str | None:
    """The number of a change (`c`) of a table of the source; None where all changes have that of the table.

    A change of a row is judged by the row as it was and as it is, and one of a row that is gone is left out: its delete
    comes.
    """
    if policy.protects:
        none = -left_out.number(policy.rule or "")
        if not table.surrogate:
            return str(none)
        writable = [
            name for name in table.columns if policy.level(name) is not Protection.NEVER and name not in table.key
        ]
        names = ", ".join(map(literal, writable))
        update = f" OR c.op = 'U' AND {quote(hstore)}.exists_any(c.new, ARRAY[{names}])" if writable else ""
        return f"CASE WHEN c.op IN ('I', 'K'){update} THEN c.number ELSE {none} END"
    if policy.brought:
        none = -left_out.number(policy.brought.rule)
        return f"""\
CASE WHEN c.op IN ('I', 'D') AND {policy.brought.condition("c.key::bigint")}
THEN {_to_be_found(none)} ELSE c.number END"""
    if not policy.rows:
        return _number(policy, left_out) if policy.inserts_only else None
    cases = [f"WHEN {row.condition} THEN {_number(row, left_out)}" for row in policy.rows]
    gone = (*policy.left_out, policy.rows[0].rule)[0]
    return f"""\
CASE c.op WHEN 'T' THEN c.number ELSE coalesce((
SELECT min(
CASE
{lines([*cases, f"ELSE {_number(policy, left_out)}"], separator="")}
END
)
FROM (
{_row_of_change(table, hstore)}
) AS {ROW}
), {-left_out.number(gone)}) END"""


def routed(routes: Sequence[tuple[int, str]], numbered: str = "numbered") -> str:
    """What stands for `numbered` in the query `batch` where changes are left out.

    `routes`: the numbers of the tables on the source, with those of their changes; `numbered` stands for it already.
    """
    if not routes:
        return numbered
    cases = "\n".join(f"WHEN {number} THEN {sql}" for number, sql in routes)
    return f"""\
(
SELECT
c.seq, c.xid, c.table_id, c.op, c.key, c.old, c.new, c.at,
CASE WHEN c.number > 0 THEN CASE c.table_id
{cases}
ELSE c.number END ELSE c.number END AS number
FROM {numbered} AS c
)"""


def _number(says: Policy | RowRule, left_out: LeftOut) -> str:
    if says.action == "replicate" or says.rule is None:
        return "c.number"
    none = -left_out.number(says.rule)
    if isinstance(says, RowRule) and says.recognises:
        return _to_be_found(none)
    return f"CASE c.op WHEN 'I' THEN c.number ELSE {none} END" if says.action == "insert-only" else str(none)


def _to_be_found(none: int) -> str:
    """The number of a row that is only sent to be found."""
    return f"CASE c.op WHEN 'I' THEN c.number + {FOUND_ONLY} ELSE {none} END"


def _row_of_change(table: Table, hstore: str) -> str:
    """The row that was inserted or deleted; that of an update as it was and as it is."""
    schema, keys = quote(hstore), []
    for i, name in enumerate(table.key):
        old = "c.key" if len(table.key) == 1 else f"(c.key::text[])[{i + 1}]"
        new = f"{schema}.fetchval(c.new, {literal(name)})"
        keys.append(f"now.{quote(name)} = coalesce({new}, {old})::{table.columns[name].type}")
    now = f"FROM {table.only}{table.name.sql} AS now"
    where = f"WHERE c.op IN ('U', 'K') AND {' AND '.join(keys)}"
    blank = f"NULL::{table.name.sql}"
    image = "CASE c.op WHEN 'I' THEN c.new ELSE c.old END"
    parts = [
        f"SELECT r.* FROM {schema}.populate_record({blank}, {image}) AS r WHERE c.op IN ('I', 'D')",
        *(
            f"SELECT r.* {now} CROSS JOIN LATERAL {schema}.populate_record(now.*, c.{side}) AS r {where}"
            for side in ("old", "new")
        ),
    ]
    return "\nUNION ALL\n".join(parts)
