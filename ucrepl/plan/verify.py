"""SQL that compares a table of both sides of a link: chunks, rows of chunks, and columns of rows.

A chunk of a table whose ids are mapped is a range of the source's ids, of another one a bucket of the hash of its key.
Keys are in the form that the journal has.
"""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from ucrepl.plan import mask
from ucrepl.plan.canonical import Compared, gone, in_source, in_target, joins_of, refers, remote_id
from ucrepl.plan.model import ColumnPlan, LinkPlan
from ucrepl.plan.text import lines, quote
from ucrepl.plan.translate import Value

if TYPE_CHECKING:
    from ucrepl.plan.catalog import TableName

CHUNK_BITS = 10
"""How many ids are in a chunk, as a power of two; and how many buckets there are."""

# What the target's rows have besides their columns: the source's id, the hash of the columns not translated, and what
# keeps that where it is.
_OWN, _PLAIN, _NOT_LATER = "ucrepl: own id", "ucrepl: plain columns", "ucrepl: not later"
_BUCKETS = (1 << CHUNK_BITS) - 1
_VALUE = re.compile("\0([a-z_]+)\0")  # no name in a database has the character NUL


class Comparison:
    """The statements for one table. `portable`: both servers know, and agree in, PostgreSQL's own hash of a record.

    `same_ids` may be told tables all of whose records have the same id on both sides: hashes then need no map of them.
    """

    def __init__(self, link: LinkPlan, compared: Compared, *, portable: bool) -> None:
        self.link = link
        self.compared = compared
        self.table = compared.table
        self.portable = portable
        self.same_ids: frozenset[TableName] = frozenset()
        self.barrier = "" if compared.is_parallel else "OFFSET 0\n"
        self.only = f"{self.table.table.only}{self.table.name.sql}"
        self.key = quote(self.table.table.key[0])
        self._own, self._plain_hash, self._not_later = (
            f"target.{quote(_free(name, self.table.table.columns))}" for name in (_OWN, _PLAIN, _NOT_LATER)
        )

    def one_by_one(self) -> Self:
        """The same comparison, with ids that are looked up one by one in the map.

        That takes longer for many rows, and never much longer than it should. The planner takes the tables of a pair
        for unrelated, and a table that has grown for one without pairs: then it reads all pairs of it for each row.
        """
        return type(self)(self.link, replace(self.compared, one_by_one=True), portable=self.portable)

    def bounds(self, *, on_target: bool) -> str:
        """The first one of the source's ids from `first` on."""
        if on_target:
            return _finished(
                f"SELECT min(own.remote_id) FROM ucrepl.identity AS own\nWHERE {self._paired()}"
                f" AND own.remote_id >= {_value('first')}"
            )
        return _finished(
            f"SELECT min(source.{self.key}) FROM {self.only} AS source WHERE source.{self.key} >= {_value('first')}"
        )

    def source_chunks(self) -> str:
        """Of each chunk its number, how many rows it has, and their hash; of ids from `first` to below `end`."""
        conditions = [self._within(f"source.{self.key}")] if self.table.surrogate else []
        where = _where([*conditions, *self._kept("source")])
        return _summed(f"SELECT {self._chunk_of_source()}, {self._source_hash()}\nFROM {self.only} AS source\n{where}")

    def target_chunks(self) -> str:
        """The same of the target, of the rows whose keys the source knows."""
        rows = f"FROM {self.only} AS target"
        if self.table.surrogate:
            own, join = "ucrepl.identity", f"JOIN {self.only} AS target ON target.{self.key} = own.local_id"
            where = f"WHERE {self._paired()} AND {self._within('own.remote_id')}"
            if self.compared.one_by_one:
                own, where = f"(\nSELECT own.* FROM ucrepl.identity AS own\n{where} OFFSET 0\n)", ""
                found = f"SELECT target.* FROM {self.only} AS target WHERE target.{self.key} = own.local_id OFFSET 0"
                join = f"CROSS JOIN LATERAL (\n{found}\n) AS target"
            rows = f"FROM {own} AS own\n{join}\n{where}"
        return _summed(
            f"""\
SELECT {self._chunk_of_target()}, {self._target_hash()}
{self._narrowed(rows)}
{_where(self._known())}""",
            self.barrier,
        )

    def source_hashes(self) -> str:
        """The key and the hash of each row of the `chunks`, for COPY."""
        from_chunks = f"""\
FROM unnest({_value("chunks")}::bigint[]) AS chunk (number)
JOIN {self.only} AS source
    ON source.{self.key} >= chunk.number << {CHUNK_BITS} AND source.{self.key} < (chunk.number + 1) << {CHUNK_BITS}
{_where(self._kept("source"))}"""
        if not self.table.surrogate:
            conditions = [f"{self._chunk_of_source()} = ANY ({_value('chunks')})", *self._kept("source")]
            from_chunks = f"FROM {self.only} AS source\n{_where(conditions)}"
        key = _key([f"source.{quote(c.name)}::text" for c in self.table.key_columns])
        return _copied(f"SELECT {key}, {self._source_hash()}\n{from_chunks}")

    def target_hashes(self) -> str:
        """The same of the target, put into the table of hashes."""
        if self.table.surrogate:
            key, where = f"{self._own}::text", self._known()
            rows = f"""\
FROM unnest({_value("chunks")}::bigint[]) AS chunk (number)
JOIN ucrepl.identity AS own
    ON own.remote_id >= chunk.number << {CHUNK_BITS} AND own.remote_id < (chunk.number + 1) << {CHUNK_BITS}
JOIN {self.only} AS target ON target.{self.key} = own.local_id
WHERE {self._paired()}"""
        else:
            key = _key([self._key_text(c) for c in self.table.key_columns])
            where = [*self._known(), f"{self._chunk_of_target()} = ANY ({_value('chunks')})"]
            rows = f"FROM {self.only} AS target"
        return _finished(f"""\
INSERT INTO pg_temp.verify_here_hash (key, hash)
SELECT {key}, {self._target_hash()}
{self._narrowed(rows)}
{_where(where)}""")

    def unpaired(self) -> str | None:
        """The keys of the target's rows of which the source can't know; None where there can't be any."""
        if self.table.surrogate:
            pair = f"SELECT FROM ucrepl.identity AS own WHERE {self._paired()} AND own.local_id = target.{self.key}"
            return _finished(f"""\
SELECT target.{self.key}::text
FROM {self.only} AS target
{_where([f"NOT EXISTS ({pair})", *self._kept("target")])}""")
        known = self._known()
        if not known:
            return None
        values = [self._target(c, as_text=False) for c in self.table.key_columns]
        local = _key([f"target.{quote(c.name)}::text" for c in self.table.key_columns])
        return _finished(f"""\
SELECT {local}
FROM {self.only} AS target
{joins_of(values)}
WHERE NOT ({" AND ".join(known)})""")

    def has_other_ids(self) -> str:
        """Whether a record of the table is in no pair, or has not the same id on both sides."""
        other = f"{self._paired()} AND own.remote_id <> own.local_id"
        return f"SELECT EXISTS (SELECT FROM ucrepl.identity AS own WHERE {other}) OR EXISTS (\n{self.unpaired()}\n)"

    def count_rows(self) -> str:
        """How many rows the target has."""
        return _finished(f"SELECT count(*) FROM {self.only}")

    def find_local_keys(self) -> str:
        """Writes the target's keys to the candidates that have the source's."""
        key = self._mapped_key("candidate.key", "remote_id", "local_id")
        return _finished(
            f"UPDATE pg_temp.verify_candidate AS candidate SET local_key = {key}"
            f"\nWHERE candidate.key IS NOT NULL AND {self._slice()}"
        )

    def find_keys(self) -> str:
        """Writes the source's keys to the candidates that have only the target's, and are known meanwhile."""
        key = self._mapped_key("candidate.local_key", "local_id", "remote_id")
        return _finished(
            f"UPDATE pg_temp.verify_candidate AS candidate SET key = {key}"
            f"\nWHERE candidate.key IS NULL AND {self._slice()}"
        )

    def lock(self) -> str:
        """Locks the target's rows of the candidates."""
        return _finished(f"""\
SELECT count(*)
FROM (
    SELECT
    FROM pg_temp.verify_candidate AS candidate
    JOIN {self.only} AS target ON {self._is_row("target", "candidate.local_key")}
    WHERE {self._slice()}
    ORDER BY target.ctid
    FOR NO KEY UPDATE OF target
) AS locked""")

    def target_rows(self) -> str:
        """Puts the target's rows of the candidates into the table of those that are here."""
        values = [self._target(c, as_text=True, own="candidate.key") for c in self.compared.columns]
        return _finished(f"""\
INSERT INTO pg_temp.verify_here (candidate_id, vals, gone)
SELECT candidate.candidate_id, ARRAY[
{lines(v.sql for v in values)}
]::text[], {self._gone("target")}
FROM pg_temp.verify_candidate AS candidate
JOIN {self.only} AS target ON {self._is_row("target", "candidate.local_key")}
{joins_of(values)}
WHERE {self._slice()}""")

    def source_rows(self, hstore: str | None = None) -> str:
        """The source's rows with these `keys`, for COPY; `hstore`, the schema of the extension: with their images."""
        values = [in_source(self.compared, c, as_text=True) for c in self.compared.columns]
        whole = "NULL::text"
        if hstore:
            whole = f"(SELECT ({mask.image(hstore, self.table.masks)})::text FROM (SELECT source.*) AS {mask.ROW})"
        return _copied(f"""\
SELECT asked.key, ARRAY[
{lines(values)}
]::text[], {self._gone("source")}, {whole}
FROM unnest({_value("keys")}::text[]) AS asked (key)
JOIN {self.only} AS source ON {self._is_row("source", "asked.key")}
{_where(self._kept("source"))}""")

    def left_out(self) -> str | None:
        """The keys of the rows that a rule leaves out on the source, of all or of those in `keys`; None without one."""
        if not self.table.kept:
            return None
        [kept] = self._kept("source")
        key = _key([f"source.{quote(c.name)}::text" for c in self.table.key_columns])
        return _finished(f"""\
SELECT {key}
FROM {self.only} AS source
WHERE NOT {kept} AND ({_value("keys")}::text[] IS NULL OR {key} = ANY ({_value("keys")}))""")

    @property
    def lenient(self) -> list[int | None]:
        """Of each column the number of the ids to which it refers if some of these records are left out by a rule."""
        return [self.link.space_of(c.refers_to) if c.lenient and c.refers_to else None for c in self.compared.columns]

    @property
    def by_key(self) -> list[bool]:
        """Of each column whether it is merged key by key, so that keys which only the target has are no difference."""
        return [c.by_key for c in self.compared.columns]

    @property
    def key_spaces(self) -> list[int | None]:
        """Of each column the number of the ids that its keys are, if the target may not know their records."""
        return [self._key_space(c) if c.by_key else None for c in self.compared.columns]

    @property
    def names(self) -> list[str]:
        """The names of the columns, in the order of the values of a row."""
        return [c.name for c in self.compared.columns]

    def _key_space(self, column: ColumnPlan) -> int | None:
        reference = column.reference
        if reference is None or reference.kind != "object" or reference.arguments[0] is None or self.link.same_ids:
            return None
        model = next((m for m in self.link.models if m.model == reference.arguments[0]), None)
        if model is None:
            return 0
        return model.space if model.is_protected or not column.gives_ids else None

    def _kept(self, row: str) -> list[str]:
        """The condition that a row of this side is not left out by a rule; none where the side can't tell."""
        here = self.table.table.columns.keys() if row == "target" else self.compared.source.columns.keys()
        if not self.table.kept or not here >= self.compared.source.columns.keys():
            return []
        return [f"(SELECT {self.table.kept} FROM (SELECT {row}.*) AS {mask.ROW})"]

    def _plain(self) -> list[ColumnPlan]:
        """The columns that both sides hash as they are. The others are hashed together with the hash of these."""
        return [c for c in self.compared.columns if not self._is_translated(c)]

    def _translated(self) -> list[ColumnPlan]:
        return [c for c in self.compared.columns if self._is_translated(c)]

    def _is_translated(self, column: ColumnPlan) -> bool:
        if self.table.surrogate and column.name in self.table.table.key:
            return True
        return refers(self.link, column) and column.refers_to not in self.same_ids

    def _source_hash(self) -> str:
        plain, rest = (
            [in_source(self.compared, c, as_text=False) for c in columns]
            for columns in (self._plain(), self._translated())
        )
        return self._hash([*([self._hash(plain)] if plain else []), *rest])

    def _target_hash(self) -> str:
        rest = [self._target(c, as_text=False).sql for c in self._translated()]
        return self._hash([*([self._plain_hash] if self._plain() else []), *rest])

    def _narrowed(self, rows: str) -> str:
        """The target's rows, joined to the identities of what they refer to, with the hash of their plain columns.

        Only what is needed further on goes through the joins: each of them would copy all columns of each row. OFFSET 0
        keeps the planner from making the hash after them, but also several processes from sharing the work; where they
        can, a value that differs from row to row does.
        """
        translated = self._translated()
        siblings = (name for c in translated for name in c.siblings)
        needed = [*self.table.table.key, *(c.name for c in translated), *siblings]
        selected = [f"target.{quote(name)}" for name in dict.fromkeys(needed)]
        if self.table.surrogate:
            selected.append(f"own.remote_id AS {self._own.removeprefix('target.')}")
        if plain := [self._target(c, as_text=False).sql for c in self._plain()]:
            selected.append(f"{self._hash(plain)} AS {self._plain_hash.removeprefix('target.')}")
        if not self.barrier:
            selected.append(f"clock_timestamp() AS {self._not_later.removeprefix('target.')}")
        values = [self._target(c, as_text=False) for c in translated]
        return f"""\
FROM (
SELECT
{lines(selected)}
{rows}
{self.barrier}) AS target
{joins_of(values)}"""

    def _target(self, column: ColumnPlan, *, as_text: bool, own: str = "") -> Value:
        same_ids = frozenset() if as_text else self.same_ids
        return in_target(self.link, self.compared, column, as_text=as_text, own=own or self._own, same_ids=same_ids)

    def _key_text(self, column: ColumnPlan) -> str:
        if column.refers_to in self.same_ids:
            return f"target.{quote(column.name)}::text"
        return self._target(column, as_text=True).sql

    def _hash(self, values: Iterable[str]) -> str:
        row = f"ROW(\n{lines(values)}\n)"
        if self.portable:
            return f"hash_record_extended({row}, 0)"
        return f"('x' || left(md5({row}::text), 16))::bit(64)::bigint"

    def _chunk_of_source(self) -> str:
        if self.table.surrogate:
            return f"source.{self.key}::bigint >> {CHUNK_BITS}"
        return (
            f"({self._hash([in_source(self.compared, c, as_text=False) for c in self.table.key_columns])} & {_BUCKETS})"
        )

    def _chunk_of_target(self) -> str:
        if self.table.surrogate:
            return f"{self._own} >> {CHUNK_BITS}"
        return f"({self._hash([self._target(c, as_text=False).sql for c in self.table.key_columns])} & {_BUCKETS})"

    def _paired(self) -> str:
        return (
            f"own.peer_id = {self.link.peer_id} AND own.remote_table = {self.table.space}"
            f" AND own.local_table = {self.table.space} AND own.deleted_at IS NULL"
        )

    def _within(self, identity: str) -> str:
        return f"{identity} >= {_value('first')} AND {identity} < {_value('end')}"

    def _known(self) -> list[str]:
        """The conditions that the source knows all records to which the key of the target's row refers."""
        conditions = []
        for column in self.table.key_columns:
            if column.refers_to in self.same_ids:
                continue
            if column.refers_to and refers(self.link, column):
                conditions.append(f"{remote_id(column)} IS NOT NULL")
        return conditions

    def _element(self, place: int, key: str) -> str:
        return key if len(self.table.table.key) == 1 else f"({key}::text[])[{place + 1}]"

    def _mapped_key(self, key: str, known: str, wanted: str) -> str:
        """The key of one side as that of the other; null where it is not known there."""
        elements = [self._mapped(place, key, known, wanted) for place in range(len(self.table.table.key))]
        if len(elements) == 1:
            return elements[0]
        all_known = " AND ".join(f"{element} IS NOT NULL" for element in elements)
        return f"CASE WHEN {all_known} THEN {_key(elements)} END"

    def _mapped(self, place: int, key: str, known: str, wanted: str) -> str:
        """A key's element, translated by the identity map."""
        column, element = self.table.key_columns[place], self._element(place, key)
        if self.table.surrogate:
            number, alive = self.table.space, " AND i.deleted_at IS NULL"
        elif column.refers_to and refers(self.link, column):
            number, alive = self.link.space_of(column.refers_to), ""
        else:
            return element
        return (
            f"(SELECT i.{wanted}::text FROM ucrepl.identity AS i WHERE i.peer_id = {self.link.peer_id}"
            f" AND i.remote_table = {number} AND i.local_table = {number} AND i.{known} = {element}::bigint{alive})"
        )

    def _is_row(self, row: str, key: str) -> str:
        columns = self.compared.source.columns if row == "source" else self.table.table.columns
        return " AND ".join(
            f"{row}.{quote(name)} = {self._element(place, key)}::{columns[name].type}"
            for place, name in enumerate(self.table.table.key)
        )

    def _gone(self, row: str) -> str:
        if not self.compared.has_models:
            return "NULL::boolean[]"
        return f"ARRAY[\n{lines(gone(self.link, c, row) for c in self.compared.columns)}\n]"

    def _slice(self) -> str:
        return (
            f"candidate.table_id = {self.table.number}"
            f" AND candidate.candidate_id > {_value('after')} AND candidate.candidate_id <= {_value('last')}"
        )


def probe() -> str:
    """A hash of values of all types that are hashed as they are: two servers that agree in it agree in all of them."""
    values = (
        "true", "'\\x00ff'::bytea", "'2024-02-29'::date", "1.5::float8", "7::oid", "'12:34:56.789'::time",
        "'2024-02-29 12:34:56.789+00'::timestamptz", "'2024-02-29 12:34:56.789'::timestamp",
        "'00000000-0000-0000-0000-0000000000ff'::uuid", "-5::int8", "5::int4", "5::int2", "'ä€'::text", "NULL::text",
    )  # fmt: skip
    return f"SELECT hash_record_extended(ROW({', '.join(values)}), 0)"


def _free(name: str, taken: Container[str]) -> str:
    """The name, or one like it that no column has."""
    return name if name not in taken else _free(f"{name}_", taken)


def _key(elements: Sequence[str]) -> str:
    return elements[0] if len(elements) == 1 else f"ARRAY[{', '.join(elements)}]::text"


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _summed(rows: str, barrier: str = "OFFSET 0\n") -> str:
    """The hashes of the chunks, from those of their rows. OFFSET 0 has these grouped, and not whole rows."""
    return _finished(f"""\
SELECT hashed.chunk, count(*), sum(hashed.hash)
FROM (
{rows}
{barrier}) AS hashed (chunk, hash)
GROUP BY hashed.chunk""")


def _value(name: str) -> str:
    return f"\0{name}\0"


def _copied(select: str) -> str:
    return _finished(f"COPY (\n{select}\n) TO STDOUT (FORMAT binary)")


def _finished(text: str) -> str:
    """The statement as the driver wants it: names may have per cent signs, values are marked with them."""
    return _VALUE.sub(r"%(\1)s", text.replace("%", "%%"))
