"""What the tables of a source were when changes were written: of those in its journal, and of those that wait."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.config import Rule
from ucrepl.db.sqlfiles import query
from ucrepl.errors import ConfigError
from ucrepl.link.source import table_numbers
from ucrepl.plan.catalog import Catalog, TableName
from ucrepl.plan.past import Past


def read_pasts(source: Connection[TupleRow], catalog: Catalog) -> list[Past]:
    """What the tables of the catalog were."""
    names = {number: name for name, number in table_numbers(source).items()}
    return [
        Past(
            number=number,
            table=catalog.tables[names[number]],
            names=tuple((was, now, xid) for was, now, xid in called),
            reused=reused,
            keys=tuple(map(tuple, keys)),
            key_columns=tuple(key_columns or ()) or catalog.tables[names[number]].key,
            altered=altered,
        )
        for number, called, reused, keys, key_columns, altered in source.execute(query("past_structure")).fetchall()
        if names.get(number) in catalog.tables
    ]


def refuse_unmasked(rules: Iterable[Rule], pasts: Iterable[Past]) -> None:
    """Raises ConfigError for a column that a rule masks by the name that it had, and none by that of now."""
    rules = list(rules)
    for past in pasts:
        masked = {name for rule in rules if rule.matches(*past.table.name) for name in rule.set}
        for was, now, _ in past.names:
            if was in masked and was not in past.table.columns and now not in masked:
                raise ConfigError(
                    f"column {was!r} of table {str(past.table.name)!r}, which a rule masks, is called {now!r} now",
                    hint=f"write {now!r} under 'set' in the rule, too",
                )


def for_reading(pasts: Iterable[Past], masks: Mapping[TableName, object]) -> list[Past]:
    """Those of which changes have to be rewritten. Of a masked table nothing leaves but what a mask could be for."""
    found = (replace(p, only=tuple(p.table.columns)) if p.altered and masks.get(p.table.name) else p for p in pasts)
    return [past for past in found if past.is_other]


def rewrite_waiting(
    target: Connection[TupleRow], peer_id: int, hstore: str, numbers: Mapping[int, int], pasts: Iterable[Past]
) -> None:
    """Gives what is parked and held the columns and keys that the source's tables have now.

    `hstore` is the target's schema of the extension; `numbers`: number on the source -> number here.
    """
    known: dict[int, list[str] | None] = dict(
        target.execute(
            "SELECT remote_number, key_columns::text[] FROM ucrepl.peer_table WHERE peer_id = %s", [peer_id]
        ).fetchall()
    )
    for past in pasts:
        number = numbers[past.number]
        now = {was: name for was, name, _ in past.names} if not past.reused else {}
        if now:
            values = {"peer": peer_id, "table": number, "was": list(now), "now": list(now.values())}
            target.execute(query("rename_waiting", hstore), values)
        made_of, wanted = known.get(past.number), list(past.table.key)
        if wanted and made_of != wanted:
            if made_of:
                called = [now.get(name, name) for name in made_of]
                values = {"peer": peer_id, "table": number, "made_of": called, "wanted": wanted}
                target.execute(query("rekey_waiting"), values)
            target.execute(
                "UPDATE ucrepl.peer_table SET key_columns = %s WHERE peer_id = %s AND remote_number = %s",
                [wanted, peer_id, past.number],
            )
