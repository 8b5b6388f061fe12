"""`conflicts: latest`: whatever both sides write or delete, and whenever it is replayed, they end up with the same."""

import random
from collections.abc import Iterator

import pytest

from tests.integration.links import BACK, FORTH, MakePair, Pair, make_pairs
from tests.support.databases import MakeDatabase

ROWS, ROUNDS = 150, 12
TABLE = f"""
CREATE TABLE t (id serial PRIMARY KEY, state integer, active boolean, note text);
INSERT INTO t (state, active) SELECT 0, true FROM generate_series(1, {ROWS})
"""

OBJECTS = f"""
CREATE TABLE t (id serial PRIMARY KEY, names jsonb, note text);
INSERT INTO t (names) SELECT CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '{{}}' ELSE '{{"en": 0}}' END::jsonb
FROM generate_series(1, {ROWS}) AS i
"""
_OBJECT = "CASE jsonb_typeof(names) WHEN 'object' THEN names ELSE '{}' END"
CHANGES = (
    *[f"UPDATE t SET names = {_OBJECT} || jsonb_build_object(%(key)s::text, %(value)s::int) WHERE id = %(row)s"] * 5,
    *[f"UPDATE t SET names = {_OBJECT} - %(key)s::text WHERE id = %(row)s"] * 3,
    "UPDATE t SET names = NULL WHERE id = %(row)s",
    "UPDATE t SET names = '{}' WHERE id = %(row)s",
    "UPDATE t SET names = jsonb_build_array(%(value)s::int) WHERE id = %(row)s",
    "UPDATE t SET note = %(key)s WHERE id = %(row)s",
)
"""What is done to an object, the frequent things more often."""


@pytest.fixture
def make_pair(database: MakeDatabase) -> Iterator[MakePair]:
    yield from make_pairs(database)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3))])
def test_both_sides_agree_also_on_columns_that_go_back_to_what_they_were(make_pair: MakePair, seed: int) -> None:
    """Few values, so that both sides often write the same one, or one that was there before."""
    chance = random.Random(seed)  # noqa: S311 - to be the same in each run
    pair = make_pair(TABLE, conflicts="latest")
    pair.seed_both()
    written: dict[int, list[str]] = {row: [] for row in range(1, ROWS + 1)}
    for _ in range(ROUNDS):
        for row, story in written.items():
            if chance.random() < 0.6:
                story.append(write_something(pair, row, chance))
        for direction in chance.sample((FORTH, BACK), chance.randint(0, 2)):
            pair.drain(direction)
            for story in written.values():
                story.append("→" if direction == FORTH else "←")
    pair.settle()

    ours, theirs = pair.both("SELECT id, state, active, note FROM t ORDER BY id")
    assert not [(row, " ".join(written[row[0]])) for row in sorted(set(ours) ^ set(theirs), key=str)]
    assert 0 < len(ours) < ROWS
    assert pair.a.parked() == pair.b.parked() == []
    assert pair.a.conflicts()
    assert pair.b.conflicts()


@pytest.mark.parametrize("ids", ["remap", "shared"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2, 3))])
def test_both_sides_agree_on_each_key_of_an_object(make_pair: MakePair, seed: int, ids: str) -> None:
    """Keys come and go, objects become nothing, lists and objects again; changes wait, and meet in one batch."""
    chance = random.Random(seed)  # noqa: S311 - to be the same in each run
    rules = [{"table": "t", "merge": {"names": "keys"}}]
    pair = make_pair(OBJECTS, conflicts="latest", ids=ids, rules=rules)
    pair.seed_both()
    if ids == "shared":
        pair.share()
    written: dict[int, list[str]] = {row: [] for row in range(1, ROWS + 1)}
    for _ in range(ROUNDS):
        for row, story in written.items():
            if chance.random() < 0.6:
                side, change = chance.choice((pair.a, pair.b)), chance.choice(CHANGES)
                key, value = chance.choice(("en", "fr", "")), chance.randint(1, 2)
                side.connection.execute(change.encode(), {"row": row, "key": key, "value": value})
                story.append(f"{side.name}:{change.removeprefix('UPDATE t SET ')} {key!r} {value}")
        for direction in chance.sample((FORTH, BACK), chance.randint(0, 2)):
            pair.drain(direction)
            for story in written.values():
                story.append("→" if direction == FORTH else "←")
    pair.settle()

    ours, theirs = pair.both("SELECT id, names::text, note FROM t ORDER BY id")
    differ = sorted(set(ours) ^ set(theirs), key=str)
    assert not [(row, "\n".join(written[row[0]])) for row in differ]
    assert pair.a.parked() == pair.b.parked() == []
    logged = [conflict.column for side in (pair.a, pair.b) for conflict in side.conflicts()]
    assert {"names", "names[en]", "names[fr]", "names[]"} <= {*logged}


def write_something(pair: Pair, row: int, chance: random.Random) -> str:
    """One change of one row on either side. Gives it in short."""
    side = chance.choice((pair.a, pair.b))
    if chance.random() < 0.05:
        side.run(f"DELETE FROM t WHERE id = {row}")
        return f"{side.name}:delete"
    column, value = chance.choice(
        [
            ("state", str(chance.randint(0, 2))),
            ("active", str(chance.random() < 0.5).lower()),
            ("note", chance.choice(("'once'", "'twice'", "NULL"))),
        ]
    )
    side.run(f"UPDATE t SET {column} = {value} WHERE id = {row}")
    return f"{side.name}:{column}={value}"
