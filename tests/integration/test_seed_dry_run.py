"""What a seeding would do is told without doing it, and is then what it does."""

from pathlib import Path

import psycopg
import pytest

from tests.integration.links import BACK, FORTH, MakePair, Pair, Side
from tests.integration.terminal import Terminal
from tests.integration.test_seed_copy import RULES, TABLES, fill, filled, seed
from tests.support.cli import two_node_config
from tests.support.daemon import daemon_running
from tests.support.dump import dump
from tests.support.tables import read_tables
from tests.support.waiting import wait_for
from ucrepl.errors import UsageError
from ucrepl.link.nodes import Nodes
from ucrepl.link.seed.dry_run import DryRun
from ucrepl.link.seed.preview import TablePreview
from ucrepl.link.seed.run import Seeded, Told

LINK = "turin->milan"


def dry_run(pair: Pair, direction: int = FORTH, *tables: str, shown: int = 0) -> dict[str, TablePreview]:
    """What would be done, and sees to it that nothing is."""
    pair.close_links()
    before = [dump(side.dsn) for side in (pair.a, pair.b)]
    with Nodes(pair.config, "seed") as nodes:
        found = DryRun(pair.config, pair.config.links[direction], nodes, names=tables or None).run(shown)
    assert [dump(side.dsn) for side in (pair.a, pair.b)] == before
    return {table.table: table for table in found}


def content(side: Side) -> dict[str, dict[tuple[str, ...], str]]:
    """The rows of each table by their keys."""
    found = {}
    for label, table in read_tables(side.connection).items():
        key = ", ".join(f"{name}::text" for name in table.key)
        rows = side.rows(f"SELECT ARRAY[{key}], row_to_json(t)::text FROM {label} AS t")
        found[label] = {tuple(k): row for k, row in rows}
    return found


def assert_it_comes_true(pair: Pair, *tables: str) -> tuple[dict[str, TablePreview], Seeded]:
    """Looks first, then seeds, and compares what became of the rows of each table."""
    told = dry_run(pair, FORTH, *tables)
    before = content(pair.b)
    seeded = seed(pair, FORTH, *tables)
    after = content(pair.b)
    for label, rows in after.items():
        ours = told.get(label, TablePreview(label))
        old = before[label]
        assert len(rows.keys() - old.keys()) == ours.create, label
        assert len(old.keys() - rows.keys()) == ours.delete, label
        assert sum(rows[key] != old[key] for key in rows.keys() & old.keys()) == ours.update, label
    assert sum(table.rows for table in told.values()) == seeded.rows
    parked = pair.b.rows(
        "SELECT table_name, count(DISTINCT key) FROM ucrepl.parked JOIN ucrepl.table_name USING (table_id) GROUP BY 1"
    )
    assert {name: table.parked for name, table in told.items() if table.parked} == dict(parked)
    assert sum(table.conflicts for table in told.values()) == seeded.conflicts == len(pair.b.conflicts())
    return told, seeded


def reasons(table: TablePreview, kind: str) -> dict[str, int]:
    return {reason.why: reason.rows for reason in table.reasons if reason.kind == kind}


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return filled(make_pair)


def test_what_is_told_is_what_is_done(pair: Pair) -> None:
    told, seeded = assert_it_comes_true(pair)
    assert sum(sum(reasons(t, "recognised").values()) for t in told.values()) == seeded.paired + 1  # a setting, by key
    assert (told["country"].recognised, told["country"].create, told["country"].update) == (2, 1, 2)
    assert reasons(told["country"], "recognised") == {"unique index on code": 2}
    assert reasons(told["country"], "update") == {"name": 2}
    assert reasons(told["users"], "recognised") == {"unique index on lower(login)": 1}
    assert reasons(told["partner"], "recognised") == {"key ref": 1}
    assert (told["setting"].recognised, told["setting"].create, told["setting"].update) == (1, 1, 1)
    assert told["partner"].create == 99
    assert told["partner_tag"].create == 10
    assert dry_run(pair) == {}


def test_of_what_is_here_already_nothing_is_to_be_done(pair: Pair) -> None:
    """All pairs are there and all rows the same: also with references, and ids that differ."""
    seed(pair)
    pair.b.run("UPDATE ucrepl.link SET seeded_at = NULL; DELETE FROM ucrepl.seeded_table")
    told = dry_run(pair)
    assert {name: (t.recognised, t.create, t.update) for name, t in told.items()} == {
        "country": (3, 0, 0),
        "tag": (2, 0, 0),
        "partner": (100, 0, 0),
        "users": (2, 0, 0),
        "partner_tag": (10, 0, 0),
        "setting": (2, 0, 0),
    }
    assert reasons(told["partner"], "recognised") == {"paired before": 100}


def test_a_link_that_nobody_has_opened_leaves_no_trace(pair: Pair) -> None:
    pair.a.run("CREATE TABLE only_here (id serial PRIMARY KEY)")
    dry_run(pair)  # compares all of both sides
    assert pair.b.value("SELECT count(*) FROM ucrepl.link") == 0
    assert pair.a.value("SELECT count(*) FROM ucrepl.consumer") == 0


def test_protection(make_pair: MakePair) -> None:
    table = """
        CREATE TABLE thing (
            id serial PRIMARY KEY, code text UNIQUE, a text, b text, c text, d int, e text,
            other_id int REFERENCES thing
        );
    """
    rules = [{"table": "thing", "name": "ours", "protect": {"a": 1, "b": 2, "c": 3, "d": 4, "other_id": 3}}]
    pair = make_pair(table, installed=False, both_ways=False, rules=rules)
    pair.a.run("""
        INSERT INTO thing (code, a, b, c, d, e) VALUES
            ('same', 'a', 'b', 'c', 1, 'e'), ('empty', NULL, 'b', 'c', 1, 'e'), ('full', 'a', 'new', 'new', 9, 'e'),
            ('fill', 'a', 'b', 'c', 1, 'e'), ('less', 'a', 'b', 'c', 1, 'changed'), ('new', 'a', 'b', 'c', 1, 'e');
        UPDATE thing SET other_id = 6 WHERE code = 'same';
    """)
    pair.b.run("""
        INSERT INTO thing (code, a, b, c, d, e) VALUES
            ('less', 'a', 'b', 'c', 5, 'e'), ('fill', '', '', 'c', 1, 'e'), ('full', 'a', 'b', 'c', 5, 'e'),
            ('empty', 'ours', 'b', 'c', 1, 'e'), ('same', 'a', 'b', 'c', 1, 'e');
    """)
    pair.install()
    told, _ = assert_it_comes_true(pair)
    thing = told["thing"]
    assert (thing.recognised, thing.create, thing.update, thing.protected) == (5, 1, 3, 4)
    assert reasons(thing, "protected") == {
        "a: level 1, never with an empty value, by rule 'ours'": 1,
        "b: level 2, only while it is empty here, by rule 'ours'": 1,
        "c: level 3, never, by rule 'ours'": 1,
        "d: level 4, the greater number stays, by rule 'ours'": 1,
        "other_id: level 3, never, by rule 'ours'": 1,
    }
    assert reasons(thing, "update") == {"a": 1, "b": 1, "d": 1, "e": 1}


def test_ambiguous_ones_and_what_refers_to_them(pair: Pair) -> None:
    pair.b.run("INSERT INTO partner (ref, name) VALUES ('R7', 'one'), ('R7', 'two'), ('R9', 'one'), ('R9', 'two')")
    told, _ = assert_it_comes_true(pair)
    partner = told["partner"]
    assert (partner.ambiguous, partner.doubtful) == (2, [])
    assert (told["users"].unresolved, told["users"].parked) == (1, 1)  # Ada belongs to R7
    assert [t.rows for t in told.values()] == [t.recognised + t.create + t.parked for t in told.values()]


def test_candidates_are_named(pair: Pair) -> None:
    pair.b.run("INSERT INTO partner (ref, name) VALUES ('R7', 'one'), ('R7', 'two'), ('R9', 'one'), ('R9', 'two')")
    told = dry_run(pair, shown=1)
    assert told["partner"].doubtful == [("7", "several local records have the same ref: ids 3, 4")]


def test_references_in_a_circle(make_pair: MakePair) -> None:
    """Dangling references, also to rows that fall out themselves: those that can wait are parked, the others take the
    row with them."""
    tables = """
        CREATE TABLE head (id serial PRIMARY KEY, ref text, up int, must int NOT NULL);
        CREATE TABLE line (id serial PRIMARY KEY, head_id int, next_id int);
        CREATE TABLE note (id serial PRIMARY KEY, line_id int);
    """
    keys = """
        ALTER TABLE head ADD FOREIGN KEY (up) REFERENCES head, ADD FOREIGN KEY (must) REFERENCES line;
        ALTER TABLE line ADD FOREIGN KEY (head_id) REFERENCES head, ADD FOREIGN KEY (next_id) REFERENCES line;
        ALTER TABLE note ADD FOREIGN KEY (line_id) REFERENCES line;
    """
    pair = make_pair(tables, installed=False, both_ways=False)
    pair.b.run(keys)
    pair.a.run("""
        INSERT INTO line (head_id, next_id) SELECT n, CASE WHEN n > 3 THEN 41 - n END FROM generate_series(1, 40) AS n;
        INSERT INTO head (id, ref, up, must) SELECT n, 'h' || n, n - 1, n FROM generate_series(2, 41) AS n;
        UPDATE head SET up = NULL WHERE id = 2;
        UPDATE head SET up = 999 WHERE id = 20;
        UPDATE head SET must = 999 WHERE id = 30;
        UPDATE line SET next_id = 555 WHERE id = 10;
        INSERT INTO note (line_id) SELECT n FROM generate_series(1, 50) AS n;
    """)
    pair.install()
    assert_it_comes_true(pair)


def test_references_by_a_models_name(make_pair: MakePair) -> None:
    """To a record that both have, a new one, an ambiguous one, and one that is nowhere."""
    tables = """
        CREATE TABLE res_partner (id serial PRIMARY KEY, ref text);
        CREATE TABLE mail_message (id serial PRIMARY KEY, message_id text, model text, res_id int);
        CREATE TABLE member (id serial PRIMARY KEY, partner_id int REFERENCES res_partner);
    """
    rules = [{"table": "res_partner", "keys": [["ref"]]}, {"table": "mail_message", "keys": [["message_id"]]}]
    pair = make_pair(tables, installed=False, both_ways=False, rules=rules)
    pair.a.run("""
        INSERT INTO res_partner (ref) VALUES ('one'), ('new'), ('twice');
        INSERT INTO mail_message (message_id, model, res_id)
        SELECT 'm' || n, 'res.partner', n FROM generate_series(1, 6) AS n;
        INSERT INTO member (partner_id) VALUES (1), (2), (3);
    """)
    pair.b.run("""
        INSERT INTO res_partner (ref) VALUES ('twice'), ('twice'), ('one');
        INSERT INTO mail_message (message_id, model, res_id) VALUES
            ('m1', 'res.partner', 3), ('m2', 'res.partner', 3), ('m4', 'res.partner', 44), ('m6', 'other', 6);
        SELECT setval('res_partner_id_seq', 100);
    """)
    pair.install()
    told, _ = assert_it_comes_true(pair)
    message = told["mail_message"]
    assert (message.recognised, message.create, message.update, message.parked) == (4, 2, 3, 0)
    assert reasons(message, "unresolved") == {"res_id: no record has this id, as on the source": 4}
    assert (told["member"].create, told["member"].parked) == (2, 1)


def test_conflicts(make_pair: MakePair) -> None:
    """What the target itself has changed since install stays, with the later one; the rest is brought up to date."""
    pair = make_pair("CREATE TABLE thing (id serial PRIMARY KEY, code text UNIQUE, a text, b text)", both_ways=False)
    pair.a.run("INSERT INTO thing (code, a, b) VALUES ('x', 'theirs', 'theirs'), ('y', 'theirs', 'theirs')")
    pair.b.run("INSERT INTO thing (code) VALUES ('x'), ('y'); UPDATE thing SET a = 'ours' WHERE code = 'x'")
    told, _ = assert_it_comes_true(pair)
    assert (told["thing"].conflicts, told["thing"].recognised, told["thing"].update) == (1, 2, 2)


def test_left_out_by_a_rule(make_pair: MakePair) -> None:
    tables = """
        CREATE TABLE kind (id serial PRIMARY KEY, name text);
        CREATE TABLE thing (id serial PRIMARY KEY, kind_id int NOT NULL REFERENCES kind);
        CREATE TABLE part (id serial PRIMARY KEY, thing_id int REFERENCES thing, name text);
    """
    pair = make_pair(tables, installed=False, both_ways=False, rules=[{"table": "kind", "skip": True}])
    pair.a.run("INSERT INTO kind (name) VALUES ('k'); INSERT INTO thing (kind_id) VALUES (1), (1)")
    pair.a.run("INSERT INTO part (thing_id, name) VALUES (1, 'p'), (NULL, 'q')")
    pair.install()
    told, _ = assert_it_comes_true(pair)
    assert (told["thing"].left_out, told["thing"].create, told["part"].create) == (2, 0, 2)


def test_what_was_replayed_before_and_is_gone(pair: Pair) -> None:
    pair.a.run("INSERT INTO partner (ref, name) VALUES ('early', 'early'), ('stays', 'stays')")
    pair.forth()
    pair.a.run("DELETE FROM partner WHERE ref = 'early'")
    told, _ = assert_it_comes_true(pair)
    assert told["partner"].delete == 1
    assert reasons(told["partner"], "recognised") == {"key ref": 1, "paired before": 1}


def test_some_tables(pair: Pair) -> None:
    told, _ = assert_it_comes_true(pair, "partner", "tag")
    assert told.keys() == {"partner", "tag"}
    assert sum(reasons(told["partner"], "unresolved").values()) == told["partner"].unresolved > 0
    told, _ = assert_it_comes_true_again(pair)
    assert told.keys() == {"country", "partner", "partner_tag", "setting", "users"}  # partners were parked


def assert_it_comes_true_again(pair: Pair) -> tuple[dict[str, TablePreview], Seeded]:
    told = dry_run(pair)
    before = content(pair.b)
    seeded = seed(pair)
    after = content(pair.b)
    assert {n: t.create for n, t in told.items() if t.create} == {
        n: len(rows) - len(before[n]) for n, rows in after.items() if len(rows) > len(before[n])
    }
    pair.assert_clean()
    return told, seeded


def test_the_pairs_of_the_way_back_are_known(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, installed=False, rules=RULES)
    fill(pair)
    pair.install()
    seed(pair, BACK)
    told, _ = assert_it_comes_true(pair)
    assert reasons(told["country"], "recognised") == {"paired before": 3}
    pair.assert_same("SELECT code, name FROM country ORDER BY code")


def test_a_table_that_is_not_there_is_refused(pair: Pair) -> None:
    with pytest.raises(UsageError, match="no table 'partners'"):
        dry_run(pair, FORTH, "partners")


def test_a_daemon_and_its_users_are_not_disturbed(pair: Pair, tmp_path: Path) -> None:
    """While it looks, rows are written on both sides and replayed. Somebody who holds locks does not hold it up."""
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, both_ways=False, rules=RULES)
    written = 0

    def write(_phase: str) -> None:
        nonlocal written
        written += 1
        pair.a.run(f"INSERT INTO partner (ref, name) VALUES ('N{written}', 'new {written}')")
        here = "SELECT count(*) FROM partner WHERE ref LIKE 'N%'"
        wait_for(lambda: pair.b.value(here) == written, what="the daemon to replay")

    with daemon_running(config), psycopg.connect(pair.b.dsn) as user:
        write("before")
        user.execute("UPDATE country SET name = 'busy'")
        user.execute("LOCK TABLE tag IN SHARE ROW EXCLUSIVE MODE")
        with Nodes(pair.config, "seed") as nodes:
            told = DryRun(pair.config, pair.config.links[FORTH], nodes, Told(write, lambda *_: write(""))).run()
    assert written > 8
    [partner] = [table for table in told if table.table == "partner"]
    assert (partner.recognised, partner.create) == (2, 99)  # of one snapshot: R3, and what the daemon brought before
    assert pair.b.value("SELECT seeding FROM ucrepl.link") is False


def test_on_the_command_line(pair: Pair, tmp_path: Path) -> None:
    pair.b.run("INSERT INTO partner (ref, name) VALUES ('R7', 'one'), ('R7', 'two')")
    terminal = Terminal(pair, tmp_path)
    said = terminal("seed", LINK, "--dry-run", "--table", "country", "--json")
    [country] = said.json["tables"]
    assert {name: value for name, value in country.items() if value and name != "reasons"} == {
        "table": "country",
        "rows": 3,
        "recognised": 2,
        "create": 1,
        "update": 2,
    }
    assert {"kind": "update", "why": "name", "rows": 2} in country["reasons"]
    said = terminal("seed", LINK, "--dry-run", code=3)
    assert "partner  ambiguous   7: several local records have the same ref: ids 3, 4" in said.out
    assert "nothing was changed" in said.err
    said = terminal("seed", LINK, "--dry-run", "--show", "0", code=3)
    assert "1 ambiguous rows more: --show 1" in said.err
    said = terminal("seed", LINK, "--table", "country")
    assert said.err.splitlines()[-1] == f"{LINK}: 5 tables not seeded yet: ucrepl seed '{LINK}'"
    assert "seeded already" in terminal("seed", LINK, "--dry-run", "--table", "country").err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dry-run", "--where", "tag: true"], "--dry-run can't be used with --where"),
        (["--table", "tag", "--same-ids"], "--table can't be used with --same-ids"),
        (["--json"], "--json prints what --dry-run finds"),
        (["--dry-run", "--show", "-1"], "--show -1 is less than nothing"),
    ],
)
def test_options_that_do_not_go_together(pair: Pair, tmp_path: Path, options: list[str], message: str) -> None:
    assert Terminal(pair, tmp_path).refused("seed", LINK, *options, code=2)[0] == message
