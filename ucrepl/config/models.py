"""The configuration as it is used: frozen models, whose docstrings are the descriptions in `config schema`."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ucrepl.config.problems import did_you_mean
from ucrepl.dsn import safe_dsn
from ucrepl.errors import ConfigError

Mode = Literal["cluster", "migrate", "populate"]
"""What a link is for."""

Action = Literal["replicate", "insert-only", "protect", "skip", "recompute"]
"""What becomes of the rows of a table."""

ConflictPolicy = Literal["latest", "source", "target", "park"]
"""Who wins where both sides changed the same column."""

Merge = Literal["keys", "whole"]
"""What of a column of type jsonb an update changes."""

DeletedPolicy = Literal["delete", "park"]
"""What becomes of a change to a record that the target has deleted."""

Missing = Literal["null", "park", "fetch"]


def _null_word(value: object) -> object:
    return "null" if value is None else value


MissingPolicy = Annotated[Missing, BeforeValidator(_null_word, json_schema_input_type=Missing | None)]
"""What becomes of a reference to a record for which no local record is known. YAML's null is the word."""

IdMode = Literal["remap", "shared"]
"""Which id a new record gets on the target: one of the target's own, or that of the source."""

Name = Annotated[str, StringConstraints(min_length=1)]
Level = Annotated[int, Field(ge=0, le=5)]

ONE_FOR_ALL, BY_COLUMN = "<one for all>", "<by column>"  # the two ways to write a policy of a rule
_Policy = TypeVar("_Policy")
_OneOrByColumn = Annotated[
    Annotated[_Policy, Tag(ONE_FOR_ALL)] | Annotated[dict[Name, _Policy], Tag(BY_COLUMN)],
    Discriminator(lambda value: BY_COLUMN if isinstance(value, dict) else ONE_FOR_ALL),
]
_EFFECTS = (
    "action", "protect", "keys", "conflicts", "merge", "stamps", "missing", "set", "belongs_to", "totals", "hold",
)  # fmt: skip
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65535
_NODE_NAME = re.compile(r"(?=.{1,40}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def wrong(message: str, hint: str | None = None) -> PydanticCustomError:
    """An error of a validator in the words that the user will read."""
    return PydanticCustomError("ucrepl", "{message}", {"message": message, "hint": hint})


@cache
def fits(patterns: tuple[str, ...]) -> Callable[[str, str], bool]:
    """Whether a table, given by its schema and its name, fits one of the patterns, which may have `*` in them.

    A pattern without a dot looks at the table's name only.
    """
    dotted = [pattern for pattern in patterns if "." in pattern]
    bare, qualified = (
        re.compile("|".join(".*".join(map(re.escape, p.split("*"))) for p in some) or "(?!)", re.DOTALL)
        for some in (patterns, dotted)
    )
    return lambda schema, table: bool(bare.fullmatch(table) or qualified.fullmatch(f"{schema}.{table}"))


def _node_name(name: str) -> str:
    if not _NODE_NAME.fullmatch(name):
        message = f"{name!r} can't be the name of a node"
        raise wrong(message, "use up to 40 letters, digits, '_', '-' and '.', none of the last two at either end")
    return name


def _key(columns: list[str]) -> list[str]:
    if len({name.removesuffix("?") for name in columns}) < len(columns):
        message = f"the key {columns!r} names a column twice"
        raise wrong(message)
    if all(name.endswith("?") for name in columns):
        message = f"all columns of the key {columns!r} may be empty"
        raise wrong(message, "take the '?' from the name of a column without which records are not the same")
    return columns


def _address(text: str) -> str:
    found = _ADDRESS.fullmatch(text)
    if not found or int(found["port"]) > _LAST_PORT:
        message = f"{text!r} is no address with a port"
        raise wrong(message, "write it as '127.0.0.1:8187', '[::1]:8187' or 'localhost:8187'")
    return text


NodeName = Annotated[str, AfterValidator(_node_name)]
Key = Annotated[list[Name], Field(min_length=1), AfterValidator(_key)]


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    null_is_a_value: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, data: object) -> object:
        """A key without a value has its default: `rules:` above rules that are all commented out."""
        if not isinstance(data, dict):
            return data
        return {k: v for k, v in data.items() if v is not None or k in cls.null_is_a_value}


class Node(_Model):
    """One Odoo database."""

    dsn: Name
    """Where the database is: a libpq connection string (`host=… dbname=… user=…`) or URI (`postgresql://…`)."""
    filestore: Path | None = None
    """Odoo's filestore folder of this database, if it can be reached from here; an absolute path."""

    @field_validator("dsn")
    @classmethod
    def _parses(cls, dsn: str) -> str:
        try:
            conninfo_to_dict(dsn)
        except (ProgrammingError, UnicodeError) as error:
            # libpq's message quotes what it stumbled over, and that may be a part of the password
            detail = "" if "pass" in dsn.lower() or "@" in dsn else f": {str(error).strip()}"
            message = f"not a connection string that libpq understands{detail}"
            hint = 'write "host=… dbname=… user=…" or "postgresql://user@host/dbname"; \'quote\' a value with spaces'
            raise wrong(message, hint) from None
        return dsn

    @field_validator("filestore")
    @classmethod
    def _is_absolute(cls, path: Path | None) -> Path | None:
        if path and not path.is_absolute():
            message = f"{str(path)!r} is not an absolute path"
            raise wrong(message, "begin it with '/'")
        return path

    @property
    def safe_dsn(self) -> str:
        """What of the connection string may be shown: never a password."""
        return safe_dsn(self.dsn)

    @field_serializer("dsn", when_used="json")
    def _safe_in_json(self, _dsn: str) -> str:
        return self.safe_dsn

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        yield "dsn", self.safe_dsn
        yield "filestore", self.filestore


class Totals(_Model):
    """The rows of a table are totals: what is replicated is by how much each of them has changed."""

    by: Annotated[list[Name], Field(min_length=1)]
    """The columns that say of what a row is the total. Those that a database lacks are left out."""
    sum: Annotated[list[Name], Field(min_length=1)]
    """The columns with numbers that add up. Those that a database lacks are left out."""

    @model_validator(mode="after")
    def _names_each_column_once(self) -> Self:
        named = [*self.by, *self.sum]
        if twice := [name for name in dict.fromkeys(named) if named.count(name) > 1]:
            message = f"the totals name {', '.join(map(repr, twice))} twice"
            raise wrong(message, "a column is either one of 'by' or one of 'sum'")
        return self


class Rule(_Model):
    """What is special about a table, or about all tables whose names fit a pattern."""

    null_is_a_value = frozenset({"missing"})

    table: Name
    """A table (`res_partner`), one in a schema (`public.res_partner`), or a pattern with `*` (`mail_*`)."""
    name: str = ""
    """What the rule is called in counters and logs; by default its place and table (`rules[1] mail_message`)."""
    skip: bool = False
    """Leave all changes of the table alone."""
    action: Action | None = None
    """What becomes of the table's rows, whatever the policy of the link says: `replicate`; `insert-only`: updates and
    deletes do not follow; `protect`: rows are recognised, so that references to them are translated, but never made,
    changed or deleted; `skip`; `recompute`: not copied, for the target computes it."""
    protect: dict[Name, Level] = {}
    """Column -> protection on the target. 0: always update; 1: never with an empty value;
    2: only while the target's value is empty; 3: never update; 4: a counter, the greater number wins; 5: a number that
    adds up, of which the difference is added to the target's."""
    keys: list[Key] | None = None
    """Lists of columns by which a record that is new on the source is recognised on the target, the best first. A `?`
    behind the name of a column: it may be empty, on both sides."""
    conflicts: _OneOrByColumn[ConflictPolicy] | None = None
    """Who wins where both sides changed a column: one policy for the table, or column -> policy."""
    merge: dict[Name, Merge] = {}
    """Column of type jsonb -> what of it an update changes. `keys`: the keys that the source has changed, each of which
    is a value of its own, for conflicts and protection too; `whole`: all of it. By default `keys` for translations,
    values by company, properties, and objects whose keys or values are ids."""
    stamps: list[Name] = []
    """Columns that every write changes (`updated_at`): where both sides have, the policy settles it, `park` as
    `latest`, and no conflict is logged. Odoo's own (`write_date`) are known."""
    missing: Annotated[_OneOrByColumn[MissingPolicy] | None, BeforeValidator(_null_word)] = None
    """What becomes of a reference to a record for which no local record is known: one policy for all references of the
    table, or column -> policy. `null`: it becomes null, and where it may not be null its row is left out; `park`: the
    change is parked; `fetch`: the record is read from the source, with all that it needs."""
    set: dict[Name, Name | None] = {}
    """Column -> what leaves the source instead of its value: a PostgreSQL expression over the row, or null."""
    belongs_to: list[Name] = []
    """Columns with references: a row of this table comes along with the record to which one of them refers, where a
    part of the source is copied (`seed --where`) and that record was chosen."""
    totals: Totals | None = None
    """The rows are totals of the numbers `sum`, by the columns `by`: stock on hand, counters. An insert, update or
    delete goes over as a difference, which is added to the target's row of the same combination; the rows themselves
    are each node's own, and are in no pair."""
    hold: bool | None = None
    """Whether changes that have no place on the target are held until they have one: the target lacks the table, or a
    column of it. `false` leaves them out. By default they are held; values of columns only without a policy of
    the link, and with `cluster`."""

    @model_validator(mode="after")
    def _has_one_effect(self) -> Self:
        effects = [key for key in _EFFECTS if getattr(self, key) or (key == "hold" and self.hold is False)]
        if self.does == "skip" and (effects := [key for key in effects if key != "action" or self.skip]):
            message = f"a skipped table leaves {', '.join(map(repr, effects))} without effect"
            raise wrong(message, "take 'skip' out, or the others")
        if not (self.does or effects):
            message = f"the rule for {self.table!r} has no effect"
            raise wrong(message, f"give it one of 'skip: true', {', '.join(map(repr, _EFFECTS))}")
        return self

    def matches(self, schema: str, table: str) -> bool:
        """Whether the rule is for this table; a pattern without a dot looks at the table's name only."""
        return fits((self.table,))(schema, table)

    @property
    def does(self) -> Action | None:
        """What becomes of the table's rows; None where the rule does not say."""
        return "skip" if self.skip else self.action

    def named(self, place: str) -> "Rule":
        """The rule with a name: its own one, or else one made of its place in the file and its table."""
        return self if self.name else self.model_copy(update={"name": f"{place} {self.table}"})


def _named(rules: list[Rule], place: str) -> list[Rule]:
    return [rule.named(f"{place}[{i}]") for i, rule in enumerate(rules)]


class PgBouncer(_Model):
    """A PgBouncer in front of the two sides of a link: it is paused, led to the other side, and resumed."""

    dsn: Name = Field(repr=False)
    """Its admin console: a libpq connection string with `dbname=pgbouncer`, as a user of `admin_users`."""
    database: Name
    """The database, as clients of PgBouncer call it."""
    config: Path
    """The file on this machine in which its line under `[databases]` stands; it is written anew."""
    targets: dict[NodeName, Name] = {}
    """Node -> where PgBouncer finds it, as in that line (`host=… port=… dbname=…`); by default as its `dsn` says."""


class Cutover(_Model):
    """How `ucrepl cutover` leads the clients from one side of a link to the other."""

    switch: list[Name] = []
    """A command with its arguments that leads the clients to the new side; `{source}`, `{target}` and `{link}` in it
    are replaced. Exit code 0 says that it has."""
    switch_seconds: float = Field(default=10.0, ge=0.1, le=600)
    """How long that command may take before it is ended, and the cut-over taken back."""
    through: Name | None = Field(default=None, repr=False)
    """A connection string that leads to the open side as the clients' own does: it is looked whether it really has come
    to the new side."""
    pgbouncer: PgBouncer | None = None
    """A PgBouncer in front of both sides."""
    verify: list[Name] = []
    """Tables that are compared as a whole before anything is closed."""
    recent_minutes: float = Field(default=5.0, ge=0, le=1440)
    """The tables that were changed so lately are compared while both sides are closed; 0: none."""
    recent_rows: int = Field(default=20_000, ge=0)
    """Of a table with more rows than that only the range of ids that was changed is compared then, if any."""
    recent_seconds: float = Field(default=1.0, gt=0, le=600)
    """How long that comparison may take; tables for which there is no time left are named in the report."""
    number_margin: int = Field(default=100, ge=0)
    """After `ucrepl failover` document numbers go on so many above the last ones that the lost side is known to have
    given; 0: right above them. Those without gaps go on where they were."""
    reverse: bool = True
    """Whether the old side has to follow the new one, by the link back; `false`: there is no way back."""


class Link(_Model):
    """The flow of changes from one node to another; two links make it two-way."""

    null_is_a_value = frozenset({"missing"})

    source: str = Field(validation_alias="from", serialization_alias="from")
    """The node whose changes are read."""
    target: str = Field(validation_alias="to", serialization_alias="to")
    """The node to which they are written."""
    policy: Mode | None = None
    """What the link is for: `cluster` (both sites in use), `migrate` (to another Odoo version), `populate`
    (fill a database from another one). It decides what the packs leave out or protect (docs/packs.md); by default
    everything is replicated."""
    conflicts: ConflictPolicy = "latest"
    """Who wins where both sides changed the same column: the later change, the source, the target; or `park`."""
    deleted: DeletedPolicy = "delete"
    """A change to a record that the target has deleted: `delete` (it stays deleted), or `park` the change."""
    missing: Annotated[MissingPolicy | None, BeforeValidator(_null_word)] = None
    """A reference to a record for which no local record is known, as in a rule: `null`, `park`, or `fetch`. By default
    it becomes null where a rule leaves the referred table out, and its change is parked otherwise."""
    ids: IdMode = "remap"
    """`remap`: a new record gets an id of the target's own, and references are translated; `shared`: it keeps its id.
    That is for clones, whose sequences `ucrepl ids share` interleaves. Both ways the same."""
    batch_rows: int = Field(default=20_000, ge=1, le=1_000_000)
    """The size of a batch that a link which catches up aims at, in changes."""
    poll_seconds: float = Field(default=1.0, ge=0.01, le=3600)
    """How often the link looks for changes by itself; as a rule a notification wakes it at once."""
    lock_timeout_ms: int = Field(default=500, ge=1, le=600_000)
    """How long a batch waits for a row that somebody on the target holds, before it lets go and tries again."""
    bus: bool = False
    """Tell open web pages of the target's Odoo to reload after a batch that has changed what its workers keep in their
    caches; the workers are told in any case. Odoo 15 and newer."""
    wait_for_modules: bool = True
    """Whether nothing is replayed while modules of Odoo are being installed, upgraded or removed on the target."""
    rules: list[Rule] = []
    """Rules of this link only; they go before those for all links."""
    cutover: Cutover | None = None
    """How a cut-over from the source to the target is done; by default as the configuration says for all links."""

    @property
    def name(self) -> str:
        """`turin->milan`."""
        return f"{self.source}->{self.target}"


class NumberOwner(_Model):
    """The node that alone posts the entries of a journal, or draws from a sequence without gaps."""

    table: Literal["account_journal", "ir_sequence"]
    """`account_journal`: who posts its entries; `ir_sequence`: who draws from it, of those with `no_gap`."""
    where: Name | None = None
    """Which rows: a PostgreSQL expression over the row (`code = 'INV'`); without it all that no entry above is for."""
    owner: str
    """The node."""


class Numbers(_Model):
    """Who hands out which document numbers."""

    prefixes: dict[NodeName, str] = {}
    """Node -> what `ucrepl numbers prefix` writes before the prefix of its sequences; of one node it may be empty."""
    owners: list[NumberOwner] = []
    """Who posts, and who draws from sequences without gaps. The first entry that is for a row counts."""
    elsewhere: Literal["refuse", "report"] = "refuse"
    """On any other node: `refuse` it, with an error of the database, or `report` it, in `ucrepl numbers status`."""


class Metrics(_Model):
    """Metrics for Prometheus, served by `ucrepl run`."""

    listen: Annotated[str, AfterValidator(_address)]
    """Where: `127.0.0.1:8187`, or `[::1]:8187`. There is no password: keep it to this machine, or to a network that you
    trust."""

    @property
    def host(self) -> str:
        """The part before the port, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port; 0: a free one."""
        return int(self.listen.rpartition(":")[2])


class Daemon(_Model):
    """Settings of `ucrepl run`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are logged."""


class Config(_Model):
    """The configuration of ucrepl."""

    nodes: dict[NodeName, Node] = Field(min_length=1)
    """The databases, by name."""
    links: list[Link] = []
    """Which database follows which."""
    rules: list[Rule] = []
    """Rules for all links. Of several rules for one table the first that speaks of a matter counts."""
    packs: list[Path] = []
    """Files with knowledge about further modules (docs/packs.md); a relative path is one beside this file."""
    numbers: Numbers = Numbers()
    """Document numbers: prefixes of nodes, and owners of what has no gaps."""
    daemon: Daemon = Daemon()
    """How the daemon runs."""
    metrics: Metrics | None = None
    """Metrics for Prometheus; without this key none are served."""
    cutover: Cutover = Cutover()
    """How a cut-over is done, for links that do not say it themselves (docs/cutover.md)."""

    @field_validator("rules")
    @classmethod
    def _name_rules(cls, rules: list[Rule]) -> list[Rule]:
        return _named(rules, "rules")

    @field_validator("links")
    @classmethod
    def _name_rules_of_links(cls, links: list[Link]) -> list[Link]:
        return [
            link.model_copy(update={"rules": _named(link.rules, f"links[{i}].rules")}) for i, link in enumerate(links)
        ]

    def rules_for(self, link: Link) -> list[Rule]:
        """The rules of a link, in the order in which they count: its own first, then those for all."""
        return [*link.rules, *self.rules]

    def cutover_of(self, link: Link) -> Cutover:
        """How a cut-over from the source of the link to its target is done."""
        return link.cutover or self.cutover

    def way_back(self, link: Link) -> Link | None:
        """The link that leads the other way, if there is one."""
        return next((other for other in self.links if (other.source, other.target) == (link.target, link.source)), None)

    def sharing_with(self, links: Iterable[Link]) -> list[Link]:
        """The links with shared ids whose ends are joined with those of these links by such links, in their order."""
        joined = {name for link in links for name in (link.source, link.target)}
        shared = [link for link in self.links if link.ids == "shared"]
        while True:
            grown = joined.union(
                *({link.source, link.target} for link in shared if joined & {link.source, link.target})
            )
            if grown == joined:
                return [link for link in shared if link.source in joined]
            joined = grown

    def link(self, name: str) -> Link:
        """The link called `name` (`turin->milan`); ConfigError if there is none."""
        links = {link.name: link for link in self.links}
        if name not in links:
            message = f"there is no link {name!r}"
            raise ConfigError(message, did_you_mean(name, list(links)) or "add it to the configuration, under 'links'")
        return links[name]
