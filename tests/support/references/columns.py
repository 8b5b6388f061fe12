"""References in columns of their own: foreign keys, many2many tables, and ids that go with the name of a model."""

import re
from collections.abc import Iterator
from typing import Final

from psycopg import sql

from tests.support.references import kinds
from tests.support.references.database import Database
from tests.support.references.kinds import Kind
from tests.support.references.query import Followed, follow, id_of, table_of
from tests.support.tables import Table, refers_to

_PLAN: Final = "x_plan(id)_id"
_PLAN_COLUMN: Final = r"^x_plan([0-9]+)_id$"


def in_columns(database: Database) -> Iterator[Followed]:
    """All of them."""
    for each in database.tables.values():
        if each.numbered:
            yield from _columns_with_ids(database, each)
        else:
            yield from _many2many(database, each)
    yield from _by_model(database)
    for table, column, target in kinds.IMPLIED:
        if database.has(table, column):
            yield follow(Kind.IMPLIED, (table, column), f"'{target}', {{column}}", source="WHERE {column} <> 0")
    for field in database.fields.values():
        if field.ttype == "reference" and database.has(field.table, field.name):
            yield _model_and_id_in_text(Kind.TEXT, field.table, field.name)
    for column in ("res_id", "value_reference"):
        if database.has("ir_property", column):
            yield _model_and_id_in_text(Kind.IR_PROPERTY, "ir_property", column)


def _columns_with_ids(database: Database, table: Table) -> Iterator[Followed]:
    """Foreign keys, delegation, references to actions and columns named after a plan: one query for a table."""
    names, values = [], []
    for name in table.columns:
        target = refers_to(database.tables, table, name) or database.action_field(table.label, name)
        if target:
            plan = re.match(_PLAN_COLUMN, name)
            kind = _kind_of_column(database, table.label, name, target)
            names.append(name)
            values.append(
                sql.SQL("({}, {}, {}, {}::bigint, {}, {}::bigint)").format(
                    *map(sql.Literal, (str(kind), _PLAN if plan else name)),
                    *map(sql.Literal, ("account_analytic_plan", int(plan[1])) if plan else (None, None)),
                    sql.Literal(target),
                    sql.Identifier("t", name),
                )
            )
    if values:
        query = sql.SQL(
            "SELECT v.kind, {}, t.id, v.column_name, '', v.of_table, v.of_id, v.ref_table, v.ref_id FROM ONLY {} AS t,"
            " LATERAL (VALUES {}) AS v (kind, column_name, of_table, of_id, ref_table, ref_id)"
            " WHERE v.ref_id IS NOT NULL"
        ).format(sql.Literal(table.label), table.full_name, sql.SQL(", ").join(values))
        yield Followed(table.label, tuple(names), query)


def _kind_of_column(database: Database, table: str, column: str, target: str) -> Kind:
    if (table, column) in kinds.DELEGATIONS:
        return Kind.DELEGATION
    if target in database.actions:
        return Kind.ACTION
    return Kind.PLAN_COLUMN if re.match(_PLAN_COLUMN, column) else Kind.FOREIGN_KEY


def _many2many(database: Database, table: Table) -> Iterator[Followed]:
    """A row of two ends is one reference, from the first to the second."""
    ends = [
        (name, refers_to(database.tables, table, name) or database.links.get((table.label, name)))
        for name in table.columns
    ]
    if len(ends) == 2 and all(target for _, target in ends):
        [(first, of), (second, ref)] = ends
        query = sql.SQL("SELECT {}, {}, NULL, {}, '', {}, t.{}, {}, t.{} FROM ONLY {} AS t").format(
            *map(sql.Literal, (str(Kind.MANY2MANY), table.label, f"{first}, {second}", of)),
            sql.Identifier(first),
            sql.Literal(ref),
            sql.Identifier(second),
            table.full_name,
        )
        yield Followed(table.label, (first, second), query)


def _by_model(database: Database) -> Iterator[Followed]:
    """Ids of which a model's name says whose they are, in the row itself or in another."""
    for table, column, model in kinds.MODEL_AND_ID:
        if database.has(table, column, model):
            source = "WHERE {column} <> 0 AND t.{model} <> ''"
            yield follow(
                Kind.MODEL_AND_ID, (table, column), table_of("t.{model}") + ", {column}", source=source, model=model
            )
    for table, column, key, other, model in kinds.MODEL_ELSEWHERE:
        if database.has(table, column, key) and database.has(other, model):
            source = "JOIN {other} AS o ON o.id = t.{key} WHERE {column} <> 0"
            yield follow(
                Kind.MODEL_ELSEWHERE,
                (table, column),
                table_of("o.{model}") + ", {column}",
                source=source,
                key=key,
                other=other,
                model=model,
            )


def _model_and_id_in_text(kind: Kind, table: str, column: str) -> Followed:
    ref = f"{table_of('split_part({column}, $$,$$, 1)')}, {id_of('split_part({column}, $$,$$, 2)')}"
    return follow(kind, (table, column), ref, source="WHERE {column} LIKE '%,%' AND {column} NOT LIKE '%,0'")
