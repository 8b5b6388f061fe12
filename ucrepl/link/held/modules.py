"""Odoo's modules on either side: which one is where, which brings a table, and which are being installed."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ucrepl.config import Link
from ucrepl.db.sqlfiles import query
from ucrepl.link.words import listed
from ucrepl.plan.catalog import TableName
from ucrepl.plan.model import LinkPlan, Protection

MODULES = TableName("public", "ir_module_module")
WAIT_HINT = (
    "finish that in Odoo, or cancel it there (Apps); to replay all the same write 'wait_for_modules: false' in the link"
)
"""What ends the waiting for modules that nobody installs."""
_AT_WORK = ("to install", "to upgrade", "to remove")
_THERE = ("installed", "to upgrade", "to remove")
_REGISTRY = ("ir_model", "ir_model_fields", "ir_model_data")


@dataclass(frozen=True, slots=True)
class Module:
    """A module of a node, its state, and the version that is installed."""

    name: str
    state: str
    version: str | None

    @property
    def is_there(self) -> bool:
        """Whether its tables are there."""
        return self.state in _THERE


def modules_of(node: Connection[TupleRow]) -> dict[str, Module]:
    """The modules of a node by name; none where it is no Odoo."""
    if not _has(node, MODULES.table):
        return {}
    with node.cursor(row_factory=class_row(Module)) as cursor:
        rows = cursor.execute(
            "SELECT m.name, m.state, pg_catalog.to_jsonb(m.*) ->> 'latest_version' AS version"
            " FROM public.ir_module_module AS m"
        ).fetchall()
    return {module.name: module for module in rows}


def modules_at_work(target: Connection[TupleRow], link: Link, plan: LinkPlan) -> list[str]:
    """The modules that are being installed, upgraded or removed on the target, if the link has to wait for it.

    Where the link itself writes the states of modules they say nothing about the target.
    """
    table = plan.by_name.get(MODULES)
    written = table and any(c.name == "state" and c.protection is not Protection.NEVER for c in table.columns)
    if not link.wait_for_modules or written or not _has(target, MODULES.table):
        return []
    rows = target.execute(
        "SELECT name FROM public.ir_module_module WHERE state = ANY (%s) ORDER BY name", [list(_AT_WORK)]
    )
    return [row[0] for row in rows]


def at_work(node: str, names: Iterable[str]) -> str:
    """The sentence about modules that are being installed on a node."""
    return f"modules are being installed, upgraded or removed on {node!r}: {listed(list(names))}"


def differences(here: dict[str, Module], there: dict[str, Module], link: Link) -> dict[str, str]:
    """The modules that the source has and the target has not, or in another version: name -> what is so about it."""
    found = {}
    for name, module in here.items():
        other = there.get(name)
        if not module.is_there:
            continue
        if other is None or not other.is_there:
            found[name] = f"module {name!r} is installed on {link.source!r} and not on {link.target!r}"
        elif other.version != module.version:
            found[name] = (
                f"module {name!r} has version {module.version!r} on {link.source!r}"
                f" and {other.version!r} on {link.target!r}"
            )
    return found


def modules_that_bring(source: Connection[TupleRow], wanted: Iterable[tuple[str, str | None]]) -> dict[str, list[str]]:
    """The modules that bring these tables, or columns of them: table -> modules, the first installed one before."""
    pairs = list(wanted)
    found: dict[str, list[str]] = {}
    rows: list[TupleRow] = []
    tables = [table for table, _ in pairs]
    if _has(source, *_REGISTRY):
        values = {"tables": tables, "columns": [column for _, column in pairs]}
        rows += source.execute(query("modules_that_bring"), values).fetchall()
    if _has(source, "ir_model_relation", MODULES.table):
        rows += source.execute(query("modules_that_relate"), {"tables": tables}).fetchall()
    for table, module in rows:
        found.setdefault(table, []).append(module)
    return found


def _has(node: Connection[TupleRow], *tables: str) -> bool:
    row = node.execute(
        "SELECT pg_catalog.bool_and(pg_catalog.to_regclass('public.' || t) IS NOT NULL)"
        " FROM pg_catalog.unnest(%s::text[]) AS t",
        [list(tables)],
    ).fetchone()
    return bool(row and row[0])
