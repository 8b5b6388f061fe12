"""No name of a user's table means anything in our SQL: columns called like every alias, column and variable of ours."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import ucrepl
from tests.integration.links import BACK, FORTH, MakePair, Pair, part_ids
from tests.integration.test_seed_copy import seed
from ucrepl.db.sqlfiles import root
from ucrepl.link.nodes import Nodes
from ucrepl.link.resync import resync
from ucrepl.link.seed.subset import Wish, copy_subset
from ucrepl.link.verify import Options, verify_link
from ucrepl.plan.model import WIDE_ID, WIDE_SEQ, WIDE_TIMES
from ucrepl.plan.text import quote

_ALIAS = re.compile(r"\b(?:AS|WITH|RECURSIVE) \"?([a-z][a-z_0-9]*)\b")
_QUERY = re.compile(r"^([a-z_]+)(?: \([\w, ]+\))? AS (?:MATERIALIZED )?\($", re.MULTILINE)
_LISTED = re.compile(r"\bAS \w+ \(([\w, ]+)\)")
_DECLARED = re.compile(r"^ {4}([a-z_]+) [\w@.\[\]\"]+(?: :=.*)?;$", re.MULTILINE)


def our_names(side_columns: list[str]) -> list[str]:
    """The names in our SQL: those in the program that makes it, in the SQL files, and of the columns of our tables."""
    texts = [f.read_text() for f in (*Path(str(root())).rglob("*.sql"), *Path(ucrepl.__file__).parent.rglob("*.py"))]
    special = {WIDE_SEQ, WIDE_TIMES, WIDE_ID, "old", "new", "ucrepl: own id", "ucrepl: plain columns"}
    return sorted({*side_columns, *special, *names_in(texts)} - {"id", "ctid", "oid", "xmin"})


def names_in(texts: Iterable[str]) -> set[str]:
    """The aliases, the columns of derived tables, and the variables."""
    found: set[str] = set()
    for text in texts:
        found.update(_ALIAS.findall(text), _QUERY.findall(text), _DECLARED.findall(text))
        found.update(name for names in _LISTED.findall(text) for name in re.findall(r"\w+", names))
    return found


def named(pair: Pair) -> list[str]:
    return our_names(
        pair.a.column("""
            SELECT DISTINCT a.attname::text FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
            WHERE c.relnamespace = 'ucrepl'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
            UNION SELECT unnest(p.proargnames) FROM pg_proc AS p WHERE p.pronamespace = 'ucrepl'::regnamespace
        """)
    )


def test_the_names_are_found(make_pair: MakePair) -> None:
    names = named(make_pair(""))
    assert len(names) > 300
    assert {
        "row", "sent", "was", "change", "target", "own", "here", "now", "c", "i", "t", "known", "candidate", "key",
        "seq", "image", "local_id", "hash", "chunk", "numbered", "written", "chosen", "ucrepl seq", "ucrepl: own id",
    } <= {*names}  # fmt: skip


@pytest.fixture
def names(make_pair: MakePair) -> list[str]:
    return named(make_pair(""))


def tables(names: list[str], kind: str = "text") -> str:
    columns = ", ".join(f"{quote(name)} {kind}" for name in names)
    return f"CREATE TABLE seat (id serial PRIMARY KEY, {columns})"


def values(names: list[str], made: str = "x", table: str = "seat") -> str:
    """Makes a row. Each value is an image, where it is taken for one."""
    listed = ", ".join(quote(name) for name in names)
    return f"INSERT INTO {table} ({listed}) VALUES ({', '.join(repr(value(names, name, made)) for name in names)})"


def value(names: list[str], name: str, made: str = "x") -> str:
    return f"{made}=>{names.index(name)}"


def changed(names: list[str], value: str, where: str) -> str:
    return (
        f"UPDATE seat SET {', '.join(f'{quote(name)} = {quote(name)} || $${value}$$' for name in names)} WHERE {where}"
    )


def differences(pair: Pair, direction: int = FORTH, *, repair: bool = False) -> dict[str, int]:
    with Nodes(pair.config, "test") as nodes:
        options = Options(shown=10, patience_seconds=0.0, repair=repair)
        reports = verify_link(pair.config, pair.config.links[direction], nodes, options)
    return {r.table: r.differs for r in reports if r.differs or r.lagging}


def contents(pair: Pair, table: str = "seat") -> list[str]:
    """The rows of both sides, without their ids: they must be the same."""
    rows = pair.both(f"SELECT (to_jsonb(t.*) - 'id')::text FROM {table} AS t ORDER BY 1")
    assert rows[0] == rows[1]
    return [row[0] for row in rows[0]]


def test_seeding_following_comparing_and_mending(make_pair: MakePair, names: list[str]) -> None:
    pair = make_pair(tables(names), installed=False)
    pair.a.run(values(names))
    pair.a.run(values(names, "s"))
    pair.b.run("SELECT setval('seat_id_seq', 1000)")
    pair.install()
    seed(pair)
    assert len(contents(pair)) == 2

    pair.a.run(values(names, "t"))
    pair.a.run(changed(names, ",y=>2", "id = 1"))
    pair.b.run(values(names, "m"))
    pair.b.run(changed(names, ",z=>3", "id = (SELECT min(s.id) FROM seat AS s) + 1"))
    pair.settle()
    assert len(contents(pair)) == 4
    pair.assert_clean()

    pair.a.run("DELETE FROM seat WHERE id = 2")
    pair.a.run("UPDATE seat SET id = 77 WHERE id = 3")
    pair.settle()
    assert len(contents(pair)) == 3
    assert differences(pair) == differences(pair, BACK) == {}

    with pair.b.another() as somebody:
        somebody.execute("SET LOCAL ucrepl.origin = 'nobody'")
        somebody.execute(changed(names, "!", "true").encode())
    assert differences(pair) == {"seat": 3}
    assert differences(pair, repair=True) == {"seat": 3}
    assert len(contents(pair)) == 3
    with pair.b.another() as somebody:
        somebody.execute("SET LOCAL ucrepl.origin = 'nobody'")
        somebody.execute("DELETE FROM seat WHERE id <> 0")
    again(pair)
    assert len(contents(pair)) == 3
    assert differences(pair) == {}


def again(pair: Pair) -> None:
    pair.close_links()
    with Nodes(pair.config, "test") as nodes:
        resync(pair.config, pair.config.links[FORTH], "seat", nodes)


def test_conflicts_are_found_in_every_column(make_pair: MakePair, names: list[str]) -> None:
    pair = make_pair(tables(names), installed=False)
    pair.run(values(names))
    pair.install()
    pair.seed_both()
    pair.a.run(changed(names, "/t", "true"))
    pair.b.run(changed(names, "/m", "true"))
    pair.settle()
    [row] = contents(pair)
    assert (row.count("/m"), row.count("/t")) == (len(names), 0)
    assert {c.column for c in pair.b.conflicts()} == {*names}


def test_rows_that_are_refused_are_parked_and_tried_again(make_pair: MakePair, names: list[str]) -> None:
    pair = make_pair(tables(names), both_ways=False)
    pair.b.run("ALTER TABLE seat ADD CONSTRAINT no CHECK (\"row\" NOT LIKE 'r%')")
    pair.a.run(values(names))
    pair.a.run(values(names, "r"))
    assert pair.forth().finer
    assert [p.key for p in pair.b.parked()] == ["2"]
    pair.b.run("ALTER TABLE seat DROP CONSTRAINT no")
    assert pair.retry().changes == 1
    assert len(contents(pair)) == 2


def test_values_are_held_until_there_are_columns(make_pair: MakePair, names: list[str]) -> None:
    pair = make_pair("CREATE TABLE seat (id serial PRIMARY KEY)", installed=False, both_ways=False)
    pair.a.run(f"ALTER TABLE seat {adding(names)}")
    pair.install()
    pair.a.run(values(names))
    pair.a.run(changed(names, ",y=>2", "true"))
    pair.forth()
    assert pair.b.held() == [("seat", "C", "1")]
    pair.close_links()
    pair.b.run(f"ALTER TABLE seat {adding(names)}")
    pair.forth()
    assert len(contents(pair)) == 1
    assert pair.b.held() == []


def adding(names: list[str]) -> str:
    return ", ".join(f"ADD {quote(name)} text" for name in names)


def test_masks_and_keys(make_pair: MakePair, names: list[str]) -> None:
    rule = {"table": "seat", "set": {"row": '"now" || "c"', "t": "'masked'"}, "keys": [["target", "sent"]]}
    pair = make_pair(tables(names), installed=False, both_ways=False, rules=[rule])
    pair.run(values(names))
    pair.b.run("UPDATE seat SET id = 500")
    pair.install()
    seed(pair)
    pair.a.run(values(names, "m"))
    pair.a.run(changed([n for n in names if n not in {"row", "t", "now", "c"}], ",y=>2", "id = 1"))
    pair.forth()
    assert pair.b.rows('SELECT "row", "t", "was" FROM seat ORDER BY id <> 500') == [
        (value(names, "now") + value(names, "c"), "masked", value(names, "was") + ",y=>2"),
        (value(names, "now", "m") + value(names, "c", "m"), "masked", value(names, "was", "m")),
    ]
    assert differences(pair) == {}


def test_rows_that_a_policy_leaves_out(make_pair: MakePair, names: list[str]) -> None:
    names = [name for name in names if name not in {"key", "value"}]
    table = "CREATE TABLE ir_config_parameter (id serial PRIMARY KEY, key text UNIQUE, value text)"
    pair = make_pair(table, installed=False, both_ways=False, policy="cluster")
    pair.run(f"ALTER TABLE ir_config_parameter {adding(names)}")
    pair.install()
    pair.a.run(values(names, "a", "ir_config_parameter"))
    pair.a.run(values(names, "b", "ir_config_parameter"))
    pair.a.run("UPDATE ir_config_parameter SET key = 'database.uuid', value = 'mine' WHERE id = 1")
    pair.a.run("UPDATE ir_config_parameter SET key = 'x=>1', \"now\" = 'y=>2', \"row\" = 'z=>3' WHERE id = 2")
    pair.forth()
    [(key, now, row, r)] = pair.b.rows('SELECT key, "now", "row", "r" FROM ir_config_parameter WHERE key IS NOT NULL')
    assert (key, now, row, r) == ("x=>1", "y=>2", "z=>3", value(names, "r", "b"))


def test_a_subset_is_copied(make_pair: MakePair, names: list[str]) -> None:
    pair = make_pair(tables(names), both_ways=False)
    pair.a.run(values(names))
    pair.a.run(values(names, "o"))
    wish = Wish("seat", f"\"row\" = '{value(names, 'row', 'o')}'")
    with Nodes(pair.config, "test") as nodes:
        copy_subset(pair.config, pair.config.links[FORTH], nodes, [wish])
    assert pair.b.column('SELECT "chosen" FROM seat') == [value(names, "chosen", "o")]


@pytest.mark.slow
@pytest.mark.parametrize("ids", ["remap", "shared"])
def test_references_called_like_aliases(make_pair: MakePair, names: list[str], ids: str) -> None:
    files = (Path(ucrepl.__file__).parent / "plan").glob("*.py")
    short = sorted(names_in(f.read_text() for f in files).intersection(names))
    columns = ", ".join(f"{quote(name)} int REFERENCES person" for name in short)
    pair = make_pair(
        f"CREATE TABLE person (id serial PRIMARY KEY, name text); CREATE TABLE seat (id serial PRIMARY KEY, {columns})",
        ids=ids,
    )
    if ids == "shared":
        pair.share()
    else:
        part_ids(pair, "person_id_seq", "seat_id_seq")
    people = ", ".join(f"('{n}')" for n in range(len(short)))
    pair.a.run(f"INSERT INTO person (name) VALUES {people}")
    first = pair.a.value("SELECT min(id) FROM person")
    step = pair.a.value("SELECT min(id) FROM person WHERE id > %s", first) - first
    listed = ", ".join(map(quote, short))
    pair.a.run(f"INSERT INTO seat ({listed}) VALUES ({', '.join(str(first + n * step) for n in range(len(short)))})")
    pair.forth()
    pair.a.run(f"UPDATE seat SET {', '.join(f'{quote(name)} = {first}' for name in short[1:])}")
    pair.settle()
    looked = ", ".join(f"(SELECT p.name FROM person AS p WHERE p.id = s.{quote(name)})" for name in short)
    assert pair.assert_same(f"SELECT ARRAY[{looked}] FROM seat AS s") == [(["0"] * len(short),)]
    assert differences(pair) == differences(pair, BACK) == {}
    pair.assert_clean()


LINES = """
    CREATE TABLE "per
    son's" (id serial PRIMARY KEY, "the
    name" text, "/* it" text, "in
    " int REFERENCES "per
    son's");
    CREATE TABLE "tag
    '" ("x
    y" text PRIMARY KEY, "v
    " text)
"""
FILLED = """
    INSERT INTO "per
    son's" ("the
    name", "/* it", "in
    ") SELECT 'one ' || n, 'two', nullif(n - 1, 0) FROM generate_series(1, 1500) AS n;
    INSERT INTO "tag
    '" VALUES ('a
    ', 'b')
"""


def test_ends_of_lines_in_names(make_pair: MakePair) -> None:
    pair = make_pair(LINES, installed=False)
    pair.b.run("SELECT setval(pg_get_serial_sequence($$\"per\n    son's\"$$, 'id'), 7000)")
    pair.a.run(FILLED)
    pair.install()
    seed(pair)
    pair.a.run(FILLED.replace("'a", "'c"))
    pair.a.run("""UPDATE "per\n    son's" SET "the\n    name" = 'x', "in\n    " = NULL WHERE id < 1200""")
    pair.a.run("""UPDATE "tag\n    '" SET "v\n    " = 'q' """)
    pair.settle()
    assert pair.b.value("""SELECT count(*) FROM "per\n    son's" """) == 3000
    assert differences(pair) == differences(pair, BACK) == {}
    pair.assert_clean()


def test_a_key_that_the_database_computes(make_pair: MakePair) -> None:
    pair = make_pair("""
        CREATE TABLE seat (
            a int, b int, k int GENERATED ALWAYS AS (a * 1000 + b) STORED PRIMARY KEY, v text
        )
    """)
    pair.a.run("INSERT INTO seat (a, b, v) VALUES (1, 2, 'x'), (1, 3, 'y'), (1, 4, 'z'), (1, 5, 'w')")
    pair.settle()
    pair.a.run("UPDATE seat SET v = 'u' WHERE k = 1002")
    pair.a.run("UPDATE seat SET b = 9 WHERE k = 1003")
    pair.b.run("UPDATE seat SET b = 8, v = 't' WHERE k = 1004")
    pair.b.run("DELETE FROM seat WHERE k = 1005")
    pair.settle()
    assert pair.assert_same("SELECT * FROM seat ORDER BY k") == [
        (1, 2, 1002, "u"), (1, 8, 1008, "t"), (1, 9, 1009, "y"),
    ]  # fmt: skip
    assert differences(pair) == differences(pair, BACK) == {}
    pair.assert_clean()
