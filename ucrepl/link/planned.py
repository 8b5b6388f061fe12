"""The plan of a link as it would be, without changing anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link, Rule
from ucrepl.link.ingredients import (
    Ends,
    Noted,
    filled_until,
    ids_differ,
    pairs_in_names,
    peers_with_shared_ids,
    read_ingredients,
)
from ucrepl.link.made import made_columns
from ucrepl.link.node import newest_version, schema_version
from ucrepl.link.partners import find_partners
from ucrepl.link.pasts import read_pasts
from ucrepl.link.source import table_numbers
from ucrepl.plan import suspects
from ucrepl.plan.build import build_plan
from ucrepl.plan.catalog import Catalog
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
    ends: Ends,
    *,
    rules: Sequence[Rule] | None = None,
) -> LinkPlan:
    """The plan of a link as replay would make it now, from the catalogs of its ends and what these have noted.

    `rules`: those that are taken into account, by default all. What an end that is not installed has not noted is made
    up. Raises ConfigError for packs and rules that are wrong.
    """
    noted = _noted(config, link, ends, catalogs[0])
    return build_plan(read_ingredients(config, link, ends, catalogs, noted, rules=rules))


def _noted(config: Config, link: Link, ends: Ends, catalog: Catalog) -> Noted:
    source, target = ends
    fills = altered = 0
    if _is_installed(source):
        fills = filled_until(made_columns(source))
        altered = max((past.altered for past in read_pasts(source, catalog)), default=0)
    if not _is_installed(target):
        return Noted(fills=fills, altered=altered)
    peer = target.execute("SELECT peer_id FROM ucrepl.peer WHERE name = %s", [link.source]).fetchone()
    peer_id, numbers, partners = peer[0] if peer else 0, table_numbers(target), {}
    if _is_installed(source):
        found = find_partners(source, target, peer_id, trace=False)
        numbers, partners = dict(found.here), dict(found.of_source)
    return Noted(
        peer_id=peer_id,
        numbers=numbers,
        partners=partners,
        shared_with=sorted(set(peers_with_shared_ids(target).values())) if link.ids == "shared" else (),
        ids_differ=link.ids == "shared" and ids_differ(target, peer_id),
        pairs=pairs_in_names(target, link, config.packs),
        fills=fills,
        altered=altered,
    )


def _is_installed(node: Connection[TupleRow]) -> bool:
    """Whether the schema is there, of this version, and open to the role."""
    row = node.execute(
        "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE') FROM pg_catalog.pg_namespace AS n"
        " WHERE n.nspname = 'ucrepl'"
    ).fetchone()
    return bool(row and row[0]) and schema_version(node) == newest_version()


def find_suspects(plan: LinkPlan, source: Connection[TupleRow], catalog: Catalog) -> Iterator[Suspect]:
    """Columns of the source's tables that look like references and have no rule."""
    for table in sorted(plan.tables.values(), key=lambda t: t.name):
        statement = suspects.look(plan, table, catalog.tables[table.name])
        if statement:
            for row in source.execute(statement.encode()).fetchall():
                yield Suspect(str(table.name), *row)
