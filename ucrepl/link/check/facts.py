"""What the checks look at, read once."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow, namedtuple_row

from ucrepl.config import Config, Link, Rule
from ucrepl.db.catalog import read_catalog
from ucrepl.db.sqlfiles import query
from ucrepl.errors import ConfigError, RefusedError
from ucrepl.link.clock import clock_offset
from ucrepl.link.drift import drifted
from ucrepl.link.ids.sequences import Slot, read_slot
from ucrepl.link.ingredients import transient_tables
from ucrepl.link.node import NodeIdentity, identify, schema_version
from ucrepl.link.planned import read_plan
from ucrepl.link.totals import of_totals
from ucrepl.packs import load_packs
from ucrepl.plan.build import check_rules
from ucrepl.plan.catalog import Catalog, Table, TableName
from ucrepl.plan.model import LinkPlan
from ucrepl.plan.policy import Policies

AT_A_TIME = 100


@dataclass
class NodeFacts:
    """A node that can be reached. `refused` says why its schema can't be used, `identity` is None then.

    `version` is that of its schema, None where it is not installed. `server` is the row of the query `check_server`.
    """

    name: str
    config: Config
    connection: Connection[TupleRow]
    server: Any
    catalog: Catalog
    version: int | None
    identity: NodeIdentity | None
    refused: RefusedError | None

    @property
    def outgoing(self) -> list[Link]:
        """The links that begin at the node."""
        return [link for link in self.config.links if link.source == self.name]

    def left_out(self, name: TableName) -> bool:
        """Whether rules of all links from here leave the table out; true also where no link begins here."""
        return all(policies.of(self.catalog.tables[name], None).skips for policies in self._policies)

    @cached_property
    def _policies(self) -> list[Policies]:
        """The rules of the links that begin at the node."""
        packs = load_packs(tuple(self.config.packs))
        transient = transient_tables(self.connection, packs)
        return [Policies(self.config.rules_for(link), packs, link.policy, transient) for link in self.outgoing]

    @cached_property
    def drift(self) -> dict[TableName, str]:
        """The tables without the right triggers, and in what way."""
        totals = of_totals(self.config, self.catalog.tables)
        return drifted(self.connection, self.catalog, totals) if self.identity else {}

    @cached_property
    def slot(self) -> Slot | None:
        """Which ids the node hands out; None where it shares them with nobody."""
        return read_slot(self.connection) if self.identity else None

    @cached_property
    def not_empty(self) -> set[TableName]:
        """The tables that hold rows."""
        tables = list(self.catalog.tables.values())
        statements = [
            sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {}{})").format(
                number, sql.SQL("" if table.partitioned else "ONLY "), identifier(table.name)
            )
            for number, table in enumerate(tables)
        ]
        return {tables[number].name for (number,) in self.ask_each(statements)}

    def ask(self, name: str, **values: object) -> list[Any]:
        """The rows of a named query."""
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(query(name), values).fetchall()

    def ask_each(self, statements: list[sql.Composed]) -> list[tuple[Any, ...]]:
        """The rows of many small queries that have the same columns, asked some at a time."""
        rows: list[tuple[Any, ...]] = []
        for first in range(0, len(statements), AT_A_TIME):
            together = sql.SQL(" UNION ALL ").join(statements[first : first + AT_A_TIME])
            rows += self.connection.execute(together).fetchall()
        return rows

    def clock_offset(self) -> float:
        """How many seconds the node's clock is ahead of ours."""
        return clock_offset(self.connection)


@dataclass
class LinkFacts:
    """A link of which both ends can be reached. `wrong_rules` fit neither end; `plan` is made without them."""

    link: Link
    source: NodeFacts
    target: NodeFacts
    plan: LinkPlan
    wrong_rules: list[ConfigError] = field(default_factory=list)

    @cached_property
    def known(self) -> Any:  # noqa: ANN401 - a row of the query check_link
        """What the target knows of the link; None where it is not installed."""
        if self.target.identity is None:
            return None
        return self.target.ask("check_link", peer=self.link.source, link=self.link.name)[0]

    def pairs_of_tables(self) -> list[tuple[Table, Table]]:
        """The replicated tables, as (on the source, on the target)."""
        names = [table.name for table in self.plan.tables.values()]
        return [(self.source.catalog.tables[name], self.target.catalog.tables[name]) for name in names]


def identifier(name: TableName) -> sql.Identifier:
    """The name as SQL."""
    return sql.Identifier(name.schema, name.table)


def node_facts(config: Config, name: str, connection: Connection[TupleRow]) -> NodeFacts:
    """Reads the facts of a node. Raises psycopg errors where the role may not even look."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        server: Any = cursor.execute(query("check_server")).fetchone()
    identity, version, refused = None, None, None
    if server.foreign_owner is None:
        version = schema_version(connection)
        try:
            identity = identify(connection, name)
        except RefusedError as error:
            refused = error
    return NodeFacts(name, config, connection, server, read_catalog(connection), version, identity, refused)


def link_facts(config: Config, link: Link, source: NodeFacts, target: NodeFacts) -> LinkFacts:
    """Plans the link without changing anything: the numbers of its tables are made up."""
    right: list[Rule] = []
    wrong: list[ConfigError] = []
    for rule in config.rules_for(link):
        try:
            check_rules([rule], (source.catalog, target.catalog), load_packs(tuple(config.packs)))
            right.append(rule)
        except ConfigError as error:
            wrong.append(error)
    plan = read_plan(
        config, link, (source.catalog, target.catalog), (source.connection, target.connection), rules=right
    )
    return LinkFacts(link, source, target, plan, wrong)
