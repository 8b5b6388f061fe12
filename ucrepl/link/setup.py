"""Opens a link: checks both ends, registers it on them, and makes its plan."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Config, Link
from ucrepl.db.catalog import read_catalog
from ucrepl.db.sqlfiles import query
from ucrepl.errors import RefusedError
from ucrepl.link.bus import BUS, Bus
from ucrepl.link.files.transport import Route
from ucrepl.link.ingredients import (
    Noted,
    filled_until,
    ids_differ,
    pairs_in_names,
    peers_with_shared_ids,
    read_ingredients,
)
from ucrepl.link.made import made_columns, stage_made
from ucrepl.link.node import NodeIdentity, identify
from ucrepl.link.partners import find_partners, follow_tables
from ucrepl.link.pasts import for_reading, read_pasts, refuse_unmasked, rewrite_waiting
from ucrepl.link.source import Source, shapes_of, structure_of
from ucrepl.link.totals import mark_statement
from ucrepl.plan.build import build_plan
from ucrepl.plan.catalog import Catalog
from ucrepl.plan.model import LinkPlan

BEGINNING = "3:3:"
"""The position before everything: 3 is PostgreSQL's first ordinary transaction."""


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link whose ends are checked. `plan` is made of the catalogs as they were at this moment.

    `bus` is Odoo's bus of the target, where pages are to be told.
    """

    link_id: int
    plan: LinkPlan
    source: Source
    target: Connection[TupleRow]
    route: Route
    bus: Bus | None = None


def open_link(
    config: Config, link: Link, source: Connection[TupleRow], target: Connection[TupleRow], *, pairing: bool = False
) -> OpenLink:
    """Checks and registers the link on both connections (in autocommit mode) and stages the session of the target.

    `pairing`: no record will get an id, so that it does not matter whether ids are shared yet. Raises RefusedError when
    a node is not installed, is a clone, or is another database than the one that the link has been reading, and when
    ids are not shared as the configuration says; ConfigError for rules that fit neither side.
    """
    return _open(config, link, source, target, trace=True, pairing=pairing)


def preview_link(config: Config, link: Link, source: Connection[TupleRow], target: Connection[TupleRow]) -> OpenLink:
    """The link as `open_link` would open it, without a trace on either side: what has no number yet gets one here only.

    A link that is not registered has the number 0. Raises what `open_link` does.
    """
    return _open(config, link, source, target, trace=False)


def _open(
    config: Config,
    link: Link,
    source: Connection[TupleRow],
    target: Connection[TupleRow],
    *,
    trace: bool,
    pairing: bool = False,
) -> OpenLink:
    origin, end = identify(source, link.source), identify(target, link.target)
    if origin.uuid == end.uuid:
        raise RefusedError(
            f"both ends of link {link.name!r} are the same database", hint="check the DSNs of the two nodes"
        )
    structure = structure_of(source)
    shapes, catalogs = _catalogs(source, target, trace=trace)
    pasts = read_pasts(source, catalogs[0])
    refuse_unmasked(config.rules_for(link), pasts)
    if trace:
        with target.transaction():
            peer_id, link_id = register_link(target, link, origin)
            partners = find_partners(source, target, peer_id, trace=True)
            rewrite_waiting(target, peer_id, catalogs[1].hstore_schema, partners.by_number, pasts)
        source.execute(
            "INSERT INTO ucrepl.consumer (link, confirmed) VALUES (%s, %s) ON CONFLICT (link) DO NOTHING",
            [link.name, BEGINNING],
        )
    else:
        peer_id, link_id = _registered(target, link, origin)
        partners = find_partners(source, target, peer_id, trace=False)
    shared_with = () if pairing else _sharing_peers(target, link, link_id)
    made, made_here = made_columns(source), made_columns(target)
    noted = Noted(
        peer_id=peer_id,
        numbers=partners.here,
        partners=partners.of_source,
        shared_with=shared_with,
        ids_differ=bool(shared_with) and ids_differ(target, peer_id),
        pairs=pairs_in_names(target, link, config.packs),
        fills=filled_until(made),
        altered=max((past.altered for past in pasts), default=0),
    )
    plan = build_plan(read_ingredients(config, link, (source, target), catalogs, noted))
    if trace and plan.totals:
        source.execute(mark_statement(table.name for table in plan.totals.values()))
    stage_session(target, plan, partners.by_number)
    stage_made(target, made, partners.of_source, plan.tables, on_source=True)
    stage_made(target, made_here, partners.here, plan.tables, on_source=False)
    source.execute("LISTEN ucrepl")
    seeded: dict[int, str] = dict(target.execute(query("seeded_tables"), {"link": link_id}).fetchall())
    directed = {there: -here if here in plan.skipped else here for there, here in partners.by_number.items()}
    reading = Source(source, link.name, end.uuid, structure, directed, seeded)
    reading.shapes = shapes
    names = (table.name for table in plan.tables.values())
    reading.stage(catalogs[0].hstore_schema, names, plan.masks, plan.routes, for_reading(pasts, plan.masks))
    has_bus = link.bus and BUS in catalogs[1].tables
    bus = Bus(target, config.nodes[link.target].dsn) if has_bus else None
    return OpenLink(link_id, plan, reading, target, Route.of(config, link), bus)


def register_link(target: Connection[TupleRow], link: Link, origin: NodeIdentity) -> tuple[int, int]:
    """The numbers of the source as a peer, and of the link, on the target, which are given where there are none yet.

    Raises RefusedError when the source is another database than the one from which the link has been replayed.
    """
    peer_id, link_id = _registered(target, link, origin)
    if not peer_id:
        peer = target.execute(
            "INSERT INTO ucrepl.peer (name, uuid) VALUES (%s, %s)"
            " ON CONFLICT (uuid) DO UPDATE SET name = excluded.name RETURNING peer_id, uuid",
            [link.source, origin.uuid],
        ).fetchone()
        peer_id = peer[0] if peer else 0
    if not link_id:
        target.execute(
            "INSERT INTO ucrepl.link (name, peer_id, source_system, source_database, position)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (name) DO NOTHING",
            [link.name, peer_id, origin.system_identifier, origin.database_oid, BEGINNING],
        )
    return _registered(target, link, origin)


def _registered(target: Connection[TupleRow], link: Link, origin: NodeIdentity) -> tuple[int, int]:
    """The numbers of the source as a peer, and of the link, on the target; 0 where there are none. Takes no locks.

    Raises RefusedError when the source is another database than the one from which the link has been replayed.
    """
    peer = target.execute("SELECT peer_id, uuid FROM ucrepl.peer WHERE name = %s", [link.source]).fetchone()
    if peer and peer[1] != origin.uuid:
        raise RefusedError(
            f"node {link.source!r} is another database than the one that link {link.name!r} has been reading",
            hint="check its DSN; if it was set up anew, run ucrepl uninstall --force and ucrepl install on both nodes",
        )
    row = target.execute(
        "SELECT link_id, source_system, source_database FROM ucrepl.link WHERE name = %s", [link.name]
    ).fetchone()
    if row and (row[1], row[2]) != (origin.system_identifier, origin.database_oid):
        raise RefusedError(
            f"the source of link {link.name!r} is another server than the one that it has been reading",
            hint="a restored copy can't go on where the original was: run ucrepl uninstall --force and install on"
            " both nodes, and seed the link again",
        )
    return peer[0] if peer else 0, row[0] if row else 0


def _catalogs(
    source: Connection[TupleRow], target: Connection[TupleRow], *, trace: bool
) -> tuple[dict[int, str], tuple[Catalog, Catalog]]:
    """The shapes of the source's tables, and the catalogs of both ends.

    The ends know by then by what numbers their tables go, unless nothing may be written. Both are read at once: that is
    most of the time that it takes to open a link.
    """
    while True:
        shapes = shapes_of(source)
        with ThreadPoolExecutor(1, "catalog") as meanwhile:
            of_target = meanwhile.submit(read_catalog, target)
            catalogs = read_catalog(source), of_target.result()
        if not (trace and any([follow_tables(source), follow_tables(target)])):
            return shapes, catalogs


def _sharing_peers(target: Connection[TupleRow], link: Link, link_id: int) -> tuple[int, ...]:
    """The peers with which the target shares ids, none for a link that maps them.

    Raises RefusedError where that is not what the configuration says.
    """
    peers = peers_with_shared_ids(target)
    if link.ids == "shared" and link_id not in peers:
        raise RefusedError(
            f"the ends of link {link.name!r} do not share their ids yet", hint=f"run: ucrepl ids share '{link.name}'"
        )
    if link.ids != "shared" and link_id in peers:
        raise RefusedError(
            f"the ends of link {link.name!r} share their ids, and the configuration says 'ids: {link.ids}'",
            hint=f"write 'ids: shared', or run: ucrepl ids unshare '{link.name}'",
        )
    return tuple(sorted(set(peers.values()))) if link.ids == "shared" else ()


def stage_session(target: Connection[TupleRow], plan: LinkPlan, partners: Mapping[int, int]) -> None:
    """Makes the temporary tables of a session that applies changes; `partners`: number on the source -> number here."""
    target.execute(query("staging", plan.hstore_schema))
    if plan.fetches:
        target.execute(query("staging_fetch"))
    if plan.has_caches:
        target.execute(query("staging_cached"))
    if plan.models:
        new = "shared" if plan.shared_with else "shipped" if plan.ships_pairs else "given"
        never = "shared" if plan.shared_with else "never"
        columns = zip(
            *((m.model, m.space, m.table, m.sequence, never if m.is_protected else new) for m in plan.models),
            strict=True,
        )
        target.execute(
            "INSERT INTO pg_temp.model"
            " SELECT * FROM unnest(%s::text[], %s::integer[], %s::integer[], %s::text[], %s::text[])",
            [*map(list, columns)],
        )
    target.execute(
        "INSERT INTO pg_temp.partner SELECT * FROM unnest(%s::integer[], %s::integer[])",
        [list(partners), list(partners.values())],
    )
    for place, p in enumerate(plan.patterns):
        target.execute(
            "INSERT INTO pg_temp.pattern VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [p.name, place, p.regexp, p.id_group, p.model_group, p.model, p.digits],
        )
    by_key = [(number, c.name) for number, table in plan.tables.items() for c in table.columns if c.by_key]
    if by_key:
        target.execute(
            "INSERT INTO pg_temp.by_key SELECT * FROM unnest(%s::integer[], %s::name[])",
            [*map(list, zip(*by_key, strict=True))],
        )
    target.execute("ANALYZE pg_temp.by_key")
    target.execute("ANALYZE pg_temp.model")
    target.execute("ANALYZE pg_temp.pattern")
