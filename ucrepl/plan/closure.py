"""SQL that chooses rows on the source: some that a condition picks, what belongs to them, and all that they refer to.

What is chosen stands in `pg_temp.chosen`, and for a moment what a table refers to without a foreign key in
`pg_temp.mentioned`. A row is `whole` where what belongs to it comes along, and bears the number
of the round in which it was found. Each statement looks at the rows of one round.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ucrepl.plan import mentions
from ucrepl.plan.catalog import Catalog, ForeignKey, Table
from ucrepl.plan.mask import ROW
from ucrepl.plan.model import LinkPlan, TablePlan
from ucrepl.plan.rows import is_chosen, row_key
from ucrepl.plan.text import literal, quote

CHOSEN = """\
CREATE TEMPORARY TABLE chosen (
    table_id integer, key text, whole boolean NOT NULL, round integer NOT NULL, PRIMARY KEY (table_id, key)
);
CREATE TEMPORARY TABLE mentioned (column_name text, model text, id bigint)"""


def is_link_table(table: TablePlan) -> bool:
    """Whether a row of the table says only that two records belong together: its key are references to both."""
    return not table.surrogate and len(table.table.key) > 1 and all(c.refers_to for c in table.key_columns)


@dataclass(frozen=True)
class Closure:
    """The statements for a link. `source` is the catalog of the source, in which the rows are."""

    link: LinkPlan
    source: Catalog

    def start(self, table: TablePlan, condition: str) -> str:
        """Chooses the rows of a table for which a condition is true; ConfigError for one that can't be."""
        from ucrepl.plan.expression import compile_expression

        where = compile_expression(condition, self.source.tables[table.name].columns, ROW)
        return _insert(
            [f"SELECT {table.number}, {row_key(table.table)} FROM {_of(table)} AS {ROW} WHERE {where}"], 0, whole=True
        )

    def references(self, table: TablePlan, number: int) -> str | None:
        """Chooses what the rows that round `number` has found in a table refer to; None where they refer to nothing."""
        arms = [
            f"SELECT {other.number}, {row_key(other.table, 'other')}\nFROM {_chosen(table, number)}\n"
            f"JOIN {_of(other)} AS other ON {on}"
            for other, on in self._foreign_keys(table)
        ]
        return _insert(arms, number + 1, whole=False) if arms else None

    def mentions(self, table: TablePlan, number: int) -> str | None:
        """Finds the records to which these rows refer without a foreign key; None where no column can."""
        arms = [
            f"SELECT {literal(column.name)}, mention.model, mention.id\nFROM {_chosen(table, number)}\n"
            f"CROSS JOIN LATERAL (\n{query}\n) AS mention (model, id)\nWHERE mention.id > 0"
            for column in table.columns
            if column.is_mentioning and (value := self._value(table, column.on_source))
            for query in mentions.of_column(self.link, table, column, value)
        ]
        if not arms:
            return None
        found = "\nUNION\n".join(arms)
        return f"INSERT INTO pg_temp.mentioned (column_name, model, id)\n{found}"

    def mentioned(self, table: TablePlan, models: Iterable[str], number: int) -> str | None:
        """Chooses the records of these models that `mentions` has found, where they are there."""
        wanted, arms = set(models), []
        for known in self.link.models:
            other = self.link.tables.get(known.table)
            if known.model not in wanted or other is None or other.name not in self.source.tables:
                continue
            if columns := [c.name for c in table.columns if c.is_mentioning and _follows(table, [c.name], other)]:
                arms.append(
                    f"SELECT {other.number}, {row_key(other.table, 'other')}\nFROM pg_temp.mentioned AS mention\n"
                    f"JOIN {_of(other)} AS other ON other.{quote(other.table.key[0])} = mention.id\n"
                    f"WHERE mention.model = {literal(known.model)}"
                    f" AND mention.column_name IN ({', '.join(map(literal, columns))})"
                )
        return _insert(arms, number + 1, whole=False) if arms else None

    def belongings(self, parent: TablePlan, number: int) -> str | None:
        """Chooses what belongs to the whole rows that round `number` has found in a table; None where nothing does."""
        arms = [
            f"SELECT {child.number}, {row_key(child.table)}\nFROM {_chosen(parent, number, 'other')}\n"
            f"JOIN {_of(child)} AS {ROW} ON {on}\nWHERE chosen.whole"
            for child in self.link.followed.values()
            for column in child.belongs_to
            for on in self._belongs(child, column, parent)
        ]
        return _insert(arms, number + 1, whole=True) if arms else None

    def links(self, number: int) -> Iterator[str]:
        """Chooses the rows of many2many tables all of whose records are chosen. They belong to the next round.

        A record that is only recognised is never chosen, and need not be.
        """
        for table in self.link.tables.values():
            ends = [self.link.by_name.get(c.refers_to) for c in table.key_columns if c.refers_to]
            if not is_link_table(table) or table.name not in self.source.tables or None in ends or table.protected_by:
                continue
            if all(end and end.protected_by for end in ends):
                continue
            joins = [
                f"JOIN pg_temp.chosen AS end_{i} ON end_{i}.table_id = {end.number}"
                f" AND end_{i}.key = {ROW}.{quote(column.name)}::text"
                for i, (column, end) in enumerate(zip(table.key_columns, ends, strict=True))
                if end and not end.protected_by
            ]
            arm = f"SELECT {table.number}, {row_key(table.table)}\nFROM {_of(table)} AS {ROW}\n" + "\n".join(joins)
            yield _insert([arm], number + 1, whole=False)

    def _foreign_keys(self, table: TablePlan) -> Iterator[tuple[TablePlan, str]]:
        """The tables to which a table refers, by foreign keys of either side, and on what they are joined."""
        here = self.source.tables[table.name]
        for key in dict.fromkeys([*here.foreign_keys, *table.table.foreign_keys]):
            other = self.link.by_name.get(key.table)
            if other and self._is_there(here, key) and _follows(table, key.columns, other):
                values = [self._value(table, name) for name in key.columns]
                if all(values):
                    yield other, _same("other", key.referenced_columns, [value or "" for value in values])

    def _belongs(self, child: TablePlan, name: str, parent: TablePlan) -> Iterator[str]:
        """On what the rows of a table (`row`) are joined that belong to those of another one (`other`)."""
        here = self.source.tables.get(child.name)
        if here is None or name not in here.columns:
            return
        for key in dict.fromkeys([*here.foreign_keys, *child.table.foreign_keys]):
            if key.columns == (name,) and key.table == parent.name and self._is_there(here, key):
                yield f"other.{quote(key.referenced_columns[0])} = {ROW}.{quote(name)}"
        column = next((c for c in child.columns if c.name == name), None)
        models = [literal(m.model) for m in self.link.models if m.table == parent.number]
        if column and column.model_column and models:
            identity = f"other.{quote(parent.table.key[0])}"
            yield f"{ROW}.{quote(column.model_column)} IN ({', '.join(models)}) AND {ROW}.{quote(name)} = {identity}"

    def _is_there(self, here: Table, key: ForeignKey) -> bool:
        there = self.source.tables.get(key.table)
        return bool(
            there and here.columns.keys() >= {*key.columns} and there.columns.keys() >= {*key.referenced_columns}
        )

    def _value(self, table: TablePlan, name: str) -> str | None:
        """What leaves of a reference; None where that is always null."""
        mask, column = table.masks.get(name), self.source.tables[table.name].columns[name]
        if mask is None or column.generated:
            return f"{ROW}.{quote(name)}"
        return None if mask == "NULL" else f"CAST({mask} AS {column.type})"


def _follows(table: TablePlan, names: Iterable[str], other: TablePlan) -> bool:
    """Whether these references bring the record along: one of a skipped table only where a rule says so.

    What is only recognised never comes.
    """
    if other.protected_by:
        return False
    return not other.on_demand or any(c.fetches for c in table.columns if c.name in names)


def _insert(arms: Sequence[str], number: int, *, whole: bool) -> str:
    found = "\nUNION\n".join(arms)
    known = "UPDATE SET whole = true, round = excluded.round WHERE NOT known.whole" if whole else "NOTHING"
    return f"""\
INSERT INTO pg_temp.chosen AS known (table_id, key, whole, round)
SELECT DISTINCT found.table_id, found.key, {str(whole).lower()}, {number}
FROM (
{found}
) AS found (table_id, key)
ON CONFLICT (table_id, key) DO {known}"""


def _chosen(table: TablePlan, number: int, alias: str = ROW) -> str:
    """The rows of a table that a round has found."""
    return (
        f"pg_temp.chosen AS chosen\nJOIN {_of(table)} AS {alias}\n"
        f"    ON chosen.table_id = {table.number} AND chosen.round = {number} AND {is_chosen(table, alias)}"
    )


def _same(alias: str, names: Iterable[str], values: Iterable[str]) -> str:
    return " AND ".join(f"{alias}.{quote(name)} = {value}" for name, value in zip(names, values, strict=True))


def _of(table: TablePlan) -> str:
    return f"{table.table.only}{table.name.sql}"
