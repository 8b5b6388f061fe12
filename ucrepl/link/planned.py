"""The plan of a link as it would be, without changing anything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link, Rule
from ucrepl.link.numbers.state import numbering_rules
from ucrepl.link.setup import odoo_fields, odoo_models, transient_tables
from ucrepl.link.signals import signalling
from ucrepl.packs import load_packs
from ucrepl.plan import suspects
from ucrepl.plan.build import Ingredients, build_plan
from ucrepl.plan.catalog import Catalog, TableName
from ucrepl.plan.model import LinkPlan


@dataclass(frozen=True, slots=True)
class Suspect:
    """A column that looks like a reference and has no rule: how many of its values do, and one of them."""

    table: str
    column: str
    looks_like: str
    values: int
    example: str


def read_plan(
    config: Config,
    link: Link,
    catalogs: tuple[Catalog, Catalog],
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
    *,
    rules: Sequence[Rule] | None = None,
    known: Mapping[TableName, int] = MappingProxyType({}),
) -> LinkPlan:
    """The plan of a link from the catalogs of source and target, and on connections to them.

    `rules`: those that are taken into account, by default all. `known`: the numbers of tables on the target; further
    ones are made up. Raises ConfigError for packs and rules that are wrong.
    """
    packs = load_packs(tuple(config.packs))
    names = sorted({*catalogs[0].tables, *catalogs[1].tables} - known.keys())
    first = max(known.values(), default=0) + 1
    source, target = connections
    return build_plan(
        Ingredients(
            link=link,
            rules=[
                *(config.rules_for(link) if rules is None else rules),
                *numbering_rules(config, target, catalogs[1]),
            ],
            packs=packs,
            source=catalogs[0],
            target=catalogs[1],
            numbers=dict(known) | {name: number for number, name in enumerate(names, first)},
            models=odoo_models(target, catalogs[1]),
            fields=odoo_fields(target, catalogs[1]),
            transient=transient_tables(source, packs),
            peer_id=0,
            ships_pairs=any(other.source == link.target and other.target == link.source for other in config.links),
            signalling=signalling(target, packs),
        )
    )


def find_suspects(plan: LinkPlan, source: Connection[TupleRow], catalog: Catalog) -> Iterator[Suspect]:
    """Columns of the source's tables that look like references and have no rule."""
    for table in sorted(plan.tables.values(), key=lambda t: t.name):
        statement = suspects.look(plan, table, catalog.tables[table.name])
        if statement:
            for row in source.execute(statement.encode()).fetchall():
                yield Suspect(str(table.name), *row)
