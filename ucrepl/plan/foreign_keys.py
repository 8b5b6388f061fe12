"""SQL that checks foreign keys of many rows at once, where PostgreSQL was told not to check them row by row.

What PostgreSQL does for each row (ri_triggers.c) is done for all of them: the rows that are referred to are locked
against deletion and changes of their keys, and those that are not there are found.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from ucrepl.plan.catalog import ForeignKey
from ucrepl.plan.model import TablePlan
from ucrepl.plan.text import lines, literal, quote


def concerned(table: TablePlan, columns: Collection[str] | None) -> tuple[ForeignKey, ...]:
    """The foreign keys that are to be checked when these columns are written; None: a whole row."""
    keys = table.table.foreign_keys
    return keys if columns is None else tuple(key for key in keys if not set(key.columns).isdisjoint(columns))


def inserts(statements: Sequence[tuple[TablePlan, str]]) -> str:
    """Several INSERT statements, each with its table, as one that checks the foreign keys of what it has written.

    The result has a row (position, null, count) for each, and a row (position, columns, number of values that are not
    there) for each foreign key that is violated.
    """
    return _checked([(table, statement, "", concerned(table, None)) for table, statement in statements])


def update(table: TablePlan, statement: str, columns: Collection[str]) -> str:
    """An UPDATE of these columns of the table `target`, in the same way."""
    return _checked([(table, statement, "target.", concerned(table, columns))])


def _checked(parts: Sequence[tuple[TablePlan, str, str, Sequence[ForeignKey]]]) -> str:
    steps, results = [], []
    for i, (table, statement, row, keys) in enumerate(parts):
        names = dict.fromkeys([*table.table.key, *(name for key in keys for name in key.columns)])
        body = lines([statement])
        steps.append(f"written_{i} AS (\n{body}\n    RETURNING {', '.join(row + quote(name) for name in names)}\n)")
        results.append(f"SELECT {i} AS position, NULL AS columns, count(*) AS rows\nFROM written_{i}")
    members = [table for table, _, _, _ in parts]
    for i, (_, _, _, keys) in enumerate(parts):
        for n, key in enumerate(keys):
            steps += _locked(members, i, n, key)
            same = _same("h.key_{n} = w.key_{n}", len(key.columns))
            results.append(f"""\
SELECT {i}, {literal(", ".join(key.columns))}, count(*)
FROM wanted_{i}_{n} AS w
WHERE NOT EXISTS (SELECT FROM here_{i}_{n} AS h WHERE {same})
HAVING count(*) > 0""")
    return "WITH " + ",\n".join(steps) + "\n" + "\nUNION ALL\n".join(results)


def _locked(members: Iterable[TablePlan], i: int, n: int, key: ForeignKey) -> Iterator[str]:
    """What a foreign key refers to, and which of it is there, locked as PostgreSQL locks it.

    The rows that the statement itself writes are there, and held by being written.
    """
    names = [f"w.{quote(name)}" for name in key.columns]
    wanted = ", ".join(f"{name} AS key_{k}" for k, name in enumerate(names))
    conditions = [f"{name} IS NOT NULL" for name in names]
    for j, member in enumerate(members):
        if key.table == member.name and key.referenced_columns == member.table.key:
            own = zip((f"own.{quote(name)}" for name in member.table.key), names, strict=True)
            same = " AND ".join(f"{a} = {b}" for a, b in own)
            conditions.append(f"NOT EXISTS (SELECT FROM written_{j} AS own WHERE {same})")
    filled = "\n        AND ".join(conditions)
    referred = [f"r.{quote(name)}" for name in key.referenced_columns]
    here = ", ".join(f"{name} AS key_{k}" for k, name in enumerate(referred))
    values = ", ".join(f"w.key_{k}" for k in range(len(names)))
    yield f"""\
wanted_{i}_{n} AS MATERIALIZED (
    SELECT DISTINCT {wanted}
    FROM written_{i} AS w
    WHERE {filled}
)"""
    yield f"""\
here_{i}_{n} AS MATERIALIZED (
    SELECT {here}
    FROM ONLY {key.table.sql} AS r
    WHERE ({", ".join(referred)}) IN (SELECT {values} FROM wanted_{i}_{n} AS w)
    FOR KEY SHARE OF r
)"""


def _same(condition: str, columns: int) -> str:
    return " AND ".join(condition.format(n=n) for n in range(columns))
