"""What the plan of a link is made of, read from its two ends: the same for replaying, trying and showing."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import Connection
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link, Rule
from ucrepl.db.sqlfiles import query
from ucrepl.link.made import MadeColumn
from ucrepl.link.numbers.state import numbering_rules
from ucrepl.link.signals import signalling
from ucrepl.packs import Packs, load_packs
from ucrepl.plan.build import Ingredients
from ucrepl.plan.catalog import Catalog, TableName
from ucrepl.plan.references import OdooField

Ends = tuple[Connection[TupleRow], Connection[TupleRow]]
"""The source and the target of a link."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What the installed ends have noted of a link: the fields of `Ingredients` that come from the schema `ucrepl`."""

    peer_id: int = 0
    numbers: Mapping[TableName, int] = field(default_factory=dict)
    partners: Mapping[TableName, int] = field(default_factory=dict)
    shared_with: Sequence[int] = ()
    ids_differ: bool = False
    pairs: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    fills: int = 0
    altered: int = 0


def read_ingredients(
    config: Config,
    link: Link,
    ends: Ends,
    catalogs: tuple[Catalog, Catalog],
    noted: Noted,
    *,
    rules: Sequence[Rule] | None = None,
) -> Ingredients:
    """What the plan is made of. `rules`: those that are taken into account, by default all of the link.

    Raises ConfigError for packs that are wrong.
    """
    source, target = ends
    packs = load_packs(tuple(config.packs))
    back = next((o for o in config.links if (o.source, o.target) == (link.target, link.source)), None)
    return Ingredients(
        link=link,
        rules=[
            *(config.rules_for(link) if rules is None else rules),
            *numbering_rules(config, target, catalogs[1]),
        ],
        packs=packs,
        source=catalogs[0],
        target=catalogs[1],
        numbers=with_numbers(noted.numbers, {*catalogs[0].tables, *catalogs[1].tables}),
        models=odoo_models(target, catalogs[1]),
        fields=odoo_fields(target, catalogs[1]),
        partners=noted.partners,
        peer_id=noted.peer_id,
        ships_pairs=back is not None,
        pairs=noted.pairs,
        checks_at_once=may_check_at_once(target),
        shared_with=noted.shared_with,
        ids_differ=noted.ids_differ,
        transient=transient_tables(source, packs),
        signalling=signalling(target, packs),
        fills=noted.fills,
        altered=noted.altered,
        back=back,
        back_rules=config.rules_for(back) if back else (),
    )


def with_numbers(numbers: Mapping[TableName, int], known: AbstractSet[TableName]) -> dict[TableName, int]:
    """The same with numbers for all the known tables, as they could be given."""
    new = sorted(known - numbers.keys())
    return dict(numbers) | {name: number for number, name in enumerate(new, max(numbers.values(), default=0) + 1)}


def filled_until(made: Iterable[MadeColumn]) -> int:
    """The last transaction of the source that has made a column which its journal may still fill."""
    return max((int(column.xid) for column in made if column.is_new), default=0)


def peers_with_shared_ids(target: Connection[TupleRow]) -> dict[int, int]:
    """The links whose ends share ids, each with the peer."""
    return dict(target.execute("SELECT link_id, peer_id FROM ucrepl.link WHERE ids_shared_at IS NOT NULL").fetchall())


def ids_differ(target: Connection[TupleRow], peer_id: int) -> bool:
    """Whether a record of the peer has another id here, where ids are shared."""
    found = target.execute(query("ids_differ"), {"peer": peer_id}, prepare=True).fetchone()
    return bool(found and found[0])


def pairs_in_names(target: Connection[TupleRow], link: Link, extra: Sequence[Path]) -> dict[int, dict[int, int]]:
    """The pairs of the records whose ids stand in names of columns: their space of ids -> source's id -> target's.

    `extra`: the packs of the configuration.
    """
    packs = load_packs(tuple(extra))
    tables = [packs.table_of(pattern.model or "") for pattern in packs.column_names]
    pairs: dict[int, dict[int, int]] = {}
    for space, remote_id, local_id in target.execute(
        query("pairs_in_names"), {"link": link.name, "tables": tables}
    ).fetchall():
        pairs.setdefault(space, {})[remote_id] = local_id
    return pairs


def may_check_at_once(target: Connection[TupleRow]) -> bool:
    """Whether the role may switch off the triggers that check foreign keys row by row.

    A superuser may, and from PostgreSQL 15 on whoever was granted SET on the parameter session_replication_role.
    """
    row = target.execute("SELECT current_setting('session_replication_role')").fetchone()
    if row is None or row[0] != "origin":
        return False
    try:
        with target.transaction():
            target.execute("SET LOCAL session_replication_role = replica")
    except InsufficientPrivilege:
        return False
    return True


def odoo_models(target: Connection[TupleRow], catalog: Catalog) -> list[str]:
    """The names of the models of an Odoo; none where the database is not one."""
    if TableName("public", "ir_model") not in catalog.tables:
        return []
    return [row[0] for row in target.execute("SELECT model FROM public.ir_model").fetchall()]


def odoo_fields(target: Connection[TupleRow], catalog: Catalog) -> list[OdooField]:
    """The stored fields of an Odoo by which records are referred to."""
    fields = catalog.tables.get(TableName("public", "ir_model_fields"))
    if fields is None or not fields.columns.keys() >= {"model", "name", "ttype", "relation", "store"}:
        return []
    return [OdooField(*row) for row in target.execute(query("odoo_fields")).fetchall()]


def transient_tables(source: Connection[TupleRow], packs: Packs) -> frozenset[TableName]:
    """The tables of the models that an Odoo calls transient; none where the database is not one that says so."""
    knows = source.execute(
        "SELECT FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('public.ir_model') AND attname = 'transient'"
    ).fetchone()
    if knows is None:
        return frozenset()
    models = source.execute("SELECT model FROM public.ir_model WHERE transient").fetchall()
    return frozenset(TableName("public", packs.table_of(model)) for (model,) in models)
