"""Whatever one side does, in whatever batches it is read: the other side comes to the same, and nothing is parked."""

import random
from typing import Final

import psycopg
import pytest

from tests.integration.links import MakePair, Pair

TABLES: Final = """
    CREATE TABLE up (
        id serial PRIMARY KEY, code text UNIQUE, name text,
        boss_id int REFERENCES up ON DELETE SET NULL ON UPDATE CASCADE
    );
    CREATE TABLE down (
        id serial PRIMARY KEY, n int, place int UNIQUE DEFERRABLE,
        up_id int REFERENCES up ON DELETE SET NULL ON UPDATE CASCADE
    );
    CREATE TABLE link (
        up_id int REFERENCES up ON DELETE CASCADE ON UPDATE CASCADE,
        down_id int REFERENCES down ON DELETE CASCADE ON UPDATE CASCADE,
        PRIMARY KEY (up_id, down_id)
    );
    CREATE TABLE kv (k text PRIMARY KEY, v int);
    CREATE TABLE use (id serial PRIMARY KEY, k text REFERENCES kv ON DELETE CASCADE ON UPDATE CASCADE, n int);
"""
SAME: Final = (
    "SELECT u.code, u.name, b.name FROM up AS u LEFT JOIN up AS b ON b.id = u.boss_id ORDER BY 1, 2, 3",
    "SELECT d.n, d.place, u.name FROM down AS d LEFT JOIN up AS u ON u.id = d.up_id ORDER BY 1, 2, 3",
    "SELECT u.name, d.n FROM link JOIN up AS u ON u.id = up_id JOIN down AS d ON d.id = down_id ORDER BY 1, 2",
    "SELECT k, v FROM kv ORDER BY 1",
    "SELECT k, n FROM use ORDER BY 1, 2",
)
CODES: Final = "abcdef"


class Writer:
    """Thinks up statements. Every row gets a number of its own, by which the two sides are compared."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - not for secrets
        self.number = 0

    def one(self, table: str, where: str = "true") -> str:
        """A row of a table, as it were at random."""
        return f"(SELECT id FROM {table} WHERE {where} ORDER BY md5(id::text || '{self.dice.random()}') LIMIT 1)"

    def statements(self) -> list[str]:
        """One thing that an application may do."""
        self.number += 1
        n, dice = self.number, self.dice
        code, other = dice.choice(CODES), dice.choice(CODES)
        up, down = self.one("up"), self.one("down")
        new_id = dice.choice([10_000 + n, dice.randint(1, 9)])
        return dice.choices(
            [
                [f"INSERT INTO up (code, name, boss_id) VALUES (nullif('{code}', 'a'), 'up {n}', {up})"],
                [f"UPDATE up SET name = 'up {n}', boss_id = {up} WHERE id = {self.one('up')}"],
                [f"UPDATE up SET code = '{code}' WHERE id = {up}"],
                [
                    f"UPDATE up SET code = 'tmp' WHERE code = '{code}'",
                    f"UPDATE up SET code = '{code}' WHERE code = '{other}'",
                    f"UPDATE up SET code = '{other}' WHERE code = 'tmp'",
                ],
                [f"UPDATE up SET id = {new_id} WHERE id = {up}"],
                [f"UPDATE down SET id = {new_id}, n = {n} WHERE id = {down}"],
                [f"DELETE FROM up WHERE id = {up}"],
                [f"DELETE FROM up WHERE code = '{code}'", f"INSERT INTO up (code, name) VALUES ('{code}', 'up {n}')"],
                [f"INSERT INTO down (n, up_id) VALUES ({n}, {up})"],
                [f"UPDATE down SET n = {n}, up_id = {up} WHERE id = {down}"],
                ["UPDATE down SET place = (SELECT count(*) FROM down AS o WHERE o.n > down.n)"],
                [f"DELETE FROM down WHERE id = {down}"],
                [f"INSERT INTO link SELECT {up}, {down} WHERE {up} > 0 AND {down} > 0 ON CONFLICT DO NOTHING"],
                [f"DELETE FROM link WHERE up_id = {up}"],
                [f"INSERT INTO kv VALUES ('{code}', {n}) ON CONFLICT (k) DO UPDATE SET v = excluded.v"],
                [f"UPDATE kv SET k = '{other}', v = {n} WHERE k = '{code}'"],
                [f"DELETE FROM kv WHERE k = '{code}'"],
                [f"DELETE FROM kv WHERE k = '{code}'", f"INSERT INTO kv VALUES ('{code}', {n})"],
                [f"INSERT INTO use (k, n) SELECT k, {n} FROM kv WHERE k = '{code}'"],
                [dice.choice(["TRUNCATE link", "TRUNCATE link, down", "TRUNCATE up CASCADE", "TRUNCATE kv, use"])],
            ],
            weights=[6, 4, 3, 2, 2, 1, 1, 2, 6, 4, 2, 1, 4, 1, 3, 2, 1, 1, 3, 0.5],
        )[0]

    def write(self, pair: Pair) -> None:
        """One transaction, which may be given up as a whole or in part."""
        with psycopg.connect(pair.a.dsn) as connection:
            for _ in range(self.dice.randint(1, 6)):
                connection.execute("SAVEPOINT one")
                try:
                    for statement in self.statements():
                        connection.execute(statement.encode())
                except psycopg.errors.IntegrityError:
                    connection.execute("ROLLBACK TO one")
            if self.dice.random() < 0.1:
                connection.rollback()


SEEDS = [
    pytest.param(seed, "shared" if seed % 4 == 3 else "remap", marks=marks)
    for seeds, marks in ((range(4), []), (range(4, 8), [pytest.mark.long]))
    for seed in seeds
]


@pytest.mark.parametrize(("seed", "ids"), SEEDS)
def test_one_side_follows_the_other(make_pair: MakePair, seed: int, ids: str) -> None:
    pair = make_pair(TABLES, ids=ids)
    if ids == "shared":
        pair.share()
    else:
        pair.b.run("SELECT setval('up_id_seq', 500), setval('down_id_seq', 700), setval('use_id_seq', 900)")
    writer = Writer(seed)
    for _ in range(20):
        for _ in range(writer.dice.choice([1, 3, 10])):
            writer.write(pair)
        pair.settle()
        for query in SAME:
            pair.assert_same(query)
        pair.assert_clean()
    for table in ("up", "down", "use"):
        if ids == "shared":
            moved = {
                change.new["id"]
                for change in pair.a.journal()
                if (change.table, change.op) == (table, "K") and change.new
            }
            assert {str(remote) for remote, local in pair.b.pairs(table) if remote != local} <= moved
        assert pair.a.pairs(table) == sorted((local, remote) for remote, local in pair.b.pairs(table))
        assert [remote for remote, _ in pair.b.pairs(table)] == pair.a.column(f"SELECT id FROM {table} ORDER BY 1")
