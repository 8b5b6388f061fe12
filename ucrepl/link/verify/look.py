"""A closer look at the rows that may differ: both sides as they are now, and what of them has not been replayed yet.

The order of the steps is what makes it sound. First the target's rows are read, with the position of the link, in one
snapshot; then the source's, with the position of the way back, in another one. Where the source's journal has nothing
of a record after the first position, nor the target's after the other one or after the first snapshot, both sides must
be the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.link.source import copy_out, pairs_query, table_numbers
from ucrepl.link.verify.session import Session
from ucrepl.plan.closure import is_link_table
from ucrepl.plan.verify import Comparison

SLICE = 5000
"""How many candidates are looked at together."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some candidates of a table: those after the number `after`, up to `last`."""

    comparison: Comparison
    after: int
    last: int

    @property
    def values(self) -> dict[str, object]:
        """What the statements about it need."""
        return {"table": self.comparison.table.number, "after": self.after, "last": self.last}


class Look:
    """Looks at candidates. `images`: brings the source's rows as a whole too, for a repair.

    `known`: rows of the source that the target does not know are left out.
    """

    def __init__(self, session: Session, *, images: str | None = None, known: bool = False) -> None:
        self.known = known
        self.session = session
        self.images = images
        self.numbers_on_source = table_numbers(session.source)

    def at(self, comparison: Comparison) -> int:
        """Looks at the candidates of a table and makes findings of those that differ. Returns how many have to wait."""
        waiting, after = 0, 0
        while (last := self._last(comparison, after)) is not None:
            part = Slice(comparison, after, last)
            with self.session.target.transaction():
                self.session.on_target("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                position, seen = self.read_target(part)
            with self.session.target.transaction():
                waiting += self.judge(part, position, seen)
            after = last
        return waiting

    def read_target(self, part: Slice) -> tuple[str, str]:
        """Reads the target's rows. Returns the position of the link, and the snapshot in which it was read."""
        run, comparison = self.session.on_target, part.comparison
        run("TRUNCATE pg_temp.verify_here, pg_temp.verify_there, pg_temp.verify_waiting, pg_temp.verify_stopgap")
        position, seen = self._position(run, self.session.link.name)
        if run(comparison.find_keys(), part.values).rowcount:
            run(query("verify_merge_candidates"), part.values)
        run(comparison.find_local_keys(), part.values)
        run(comparison.target_rows(), part.values)
        return position, seen

    def judge(self, part: Slice, position: str, seen: str) -> int:
        """Reads the source's rows, and what waits in the journals, and decides. Returns how many candidates wait.

        To be called in a transaction on the target.
        """
        session, comparison = self.session, part.comparison
        keys, local_keys = self._keys(part)
        with session.source.transaction():
            session.on_source("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            back = session.back
            if (left_out := comparison.left_out()) is not None:
                found = session.on_source(left_out, {"keys": keys}).fetchall()
                session.on_target(
                    "DELETE FROM pg_temp.verify_candidate WHERE table_id = %(table)s AND key = ANY (%(keys)s)",
                    {"table": comparison.table.number, "keys": [row[0] for row in found]},
                )
            position_back, ends = self._position(session.on_source, back.name if back else "")
            session.bring(comparison.source_rows(self.images), {"keys": keys}, "verify_there")
            pairs = {"position": position, "ends": ends, "target": session.opened.source.target}
            session.bring(copy_out(pairs_query()), pairs, "pair")
            number = self.numbers_on_source.get(comparison.table.name)
            of_source = _stopgaps(number, session.link.target, keys, local_keys)
            self._note_stopgaps(("key", "local_key"), session.on_source(*of_source))
            waiting = {"number": number, "keys": keys, "position": position}
            self._note_waiting("key", session.on_source(query("verify_waiting"), waiting).fetchall())
        of_target = _stopgaps(comparison.table.number, session.link.source, local_keys, keys)
        self._note_stopgaps(("local_key", "key"), session.on_target(*of_target))
        held = {"link": session.link.name, "number": comparison.table.number, "keys": keys}
        held["columns"] = [c.on_source for c in comparison.table.columns]
        hstore = session.opened.plan.hstore_schema
        self._note_waiting("key", session.on_target(query("verify_held", hstore), held).fetchall())
        if back and number:
            held |= {"link": back.name, "number": number, "keys": local_keys}
            waiting_back = session.on_source(query("verify_held", session.opened.plan.source_hstore), held)
            self._note_waiting("local_key", waiting_back.fetchall())
        if not comparison.compared.own_rows:
            for known in (position_back, seen):
                waiting = {"number": comparison.table.number, "keys": local_keys, "position": known}
                self._note_waiting("local_key", session.on_target(query("verify_waiting"), waiting).fetchall())
        row = session.on_target(
            query("verify_judge"),
            {
                **part.values,
                "names": comparison.names,
                "inserts_only": comparison.table.inserts_only,
                "lenient": comparison.lenient,
                "by_key": comparison.by_key,
                "key_spaces": comparison.key_spaces,
                "peer": session.opened.plan.peer_id,
                "left_out": comparison.table.partial_rule is not None,
                "unknown": self.known,
                "any_key": not (comparison.table.surrogate or is_link_table(comparison.table)),
                "composite": len(comparison.table.table.key) > 1,
                "link": session.opened.link_id,
                "space": comparison.table.space,
            },
        ).fetchone()
        return row[0] if row else 0

    def _last(self, comparison: Comparison, after: int) -> int | None:
        values = {"table": comparison.table.number, "after": after, "rows": SLICE}
        row = self.session.on_target(query("verify_slice"), values).fetchone()
        return row[0] if row else None

    def _keys(self, part: Slice) -> tuple[list[str], list[str]]:
        rows = self.session.on_target(
            "SELECT key, local_key FROM pg_temp.verify_candidate"
            " WHERE table_id = %(table)s AND candidate_id > %(after)s AND candidate_id <= %(last)s",
            part.values,
        ).fetchall()
        return [key for key, _ in rows if key is not None], [local for _, local in rows if local is not None]

    def _position(self, run: Callable[..., Cursor[TupleRow]], link: str) -> tuple[str, str]:
        row = run(query("verify_position"), {"link": link}).fetchone()
        if row is None:
            raise LookupError(link)
        return row[0], row[1]

    def _note_stopgaps(self, sides: tuple[str, str], found: Cursor[TupleRow]) -> None:
        """Notes what is null, or left out, for unknown records. `sides`: the keys of its node, and of the peer."""
        for key, of_peer, column in found.fetchall():
            self.session.on_target(
                f"INSERT INTO pg_temp.verify_stopgap ({sides[of_peer]}, column_name) VALUES (%(key)s, %(column)s)",
                {"key": key, "column": column},
            )

    def _note_waiting(self, side: str, rows: list[tuple[str | None]]) -> None:
        if not rows:
            return
        self.session.on_target(
            f"INSERT INTO pg_temp.verify_waiting ({side}, everything)"
            " SELECT k, k IS NULL FROM unnest(%(keys)s::text[]) AS k",
            {"keys": [row[0] for row in rows]},
        )


def _stopgaps(number: int | None, peer: str, keys: list[str], of_peer: list[str]) -> tuple[str, dict[str, object]]:
    """The query for what stands on a node for unknown records, in these rows of a table, by its keys and its peer's."""
    return query("verify_stopgaps"), {"number": number, "peer": peer, "local_keys": keys, "peer_keys": of_peer}
