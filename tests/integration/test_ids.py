"""Shared ids: `ids share`, what it refuses, how it is kept up and taken back, and replay with it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
import yaml

from tests.integration.links import MakePair, Pair, Side
from tests.integration.terminal import BACK, FORTH, Terminal
from tests.integration.test_worker import working
from tests.support.cli import ucrepl
from tests.support.databases import MakeDatabase
from tests.support.dump import schema_dump
from tests.support.waiting import wait_for
from ucrepl.cli.main import main
from ucrepl.db.connect import connect
from ucrepl.errors import RefusedError
from ucrepl.link.ids.share import share_ids
from ucrepl.link.lock import held
from ucrepl.link.nodes import Nodes

TABLES = """
    CREATE TABLE partner (id serial PRIMARY KEY, ref text UNIQUE, name text, parent_id int REFERENCES partner);
    CREATE TABLE tag (id serial PRIMARY KEY, name text);
    CREATE TABLE partner_tag (
        partner_id int REFERENCES partner ON DELETE CASCADE, tag_id int REFERENCES tag ON DELETE CASCADE,
        PRIMARY KEY (partner_id, tag_id)
    );
    CREATE TABLE action (id serial PRIMARY KEY, name text);
    CREATE TABLE action_window (PRIMARY KEY (id)) INHERITS (action);
    CREATE SEQUENCE ir_sequence_001;
    INSERT INTO partner (ref, name) SELECT 'R' || i, 'name ' || i FROM generate_series(1, 5) AS i;
    INSERT INTO tag (name) VALUES ('a'), ('b');
    INSERT INTO action_window (name) VALUES ('open');
"""
PARTNERS = "SELECT id, ref, name, parent_id FROM partner ORDER BY 1"
COUNTS = "SELECT sequencename, increment_by FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"
NAMES = ("action_id_seq", "partner_id_seq", "tag_id_seq")


@pytest.fixture
def clones(make_pair: MakePair) -> Pair:
    """Two clones, paired, which do not share their ids yet."""
    pair = make_pair(TABLES, ids="shared")
    pair.seed_both()
    return pair


@pytest.fixture
def pair(clones: Pair) -> Pair:
    clones.share()
    return clones


def add(side: Side, name: str, parent: int | None = None) -> int:
    """Add a partner. Gives its id."""
    made: int = side.value("INSERT INTO partner (name, parent_id) VALUES (%s, %s) RETURNING id", name, parent)
    return made


def steps(side: Side) -> dict[str, int]:
    return {name: step for name, step in side.rows(COUNTS) if name != "ir_sequence_001"}


def assert_equal_ids(pair: Pair) -> None:
    pair.assert_same(PARTNERS)
    pair.assert_same("SELECT * FROM partner_tag ORDER BY 1, 2")
    for side in (pair.a, pair.b):
        assert side.rows("SELECT * FROM ucrepl.identity_map WHERE remote_id <> local_id") == []
        assert side.column("SELECT remote_id FROM ucrepl.identity_map WHERE table_name = 'partner' ORDER BY 1") == (
            side.column("SELECT id FROM partner ORDER BY 1")
        )
    pair.assert_clean()


@contextmanager
def busy(*sides: Side) -> Iterator[list[str]]:
    """Somebody who adds partners to all of these, each in a transaction of its own, as fast as he can."""
    stop, failures = Event(), list[str]()

    def write(dsn: str) -> None:
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                while not stop.is_set():
                    connection.execute("INSERT INTO partner (name) VALUES ('busy')")
        except psycopg.Error as error:
            failures.append(str(error))

    threads = [Thread(target=write, args=(side.dsn,)) for side in sides]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_each_side_hands_out_ids_of_its_own(pair: Pair) -> None:
    for side in (pair.a, pair.b):
        assert steps(side) == dict.fromkeys(NAMES, 4)
        assert ("ir_sequence_001", 1) in side.rows(COUNTS)
    slots = [side.value("SELECT slot FROM ucrepl.id_slot") for side in (pair.a, pair.b)]
    assert sorted(slots) == [0, 1]
    for side, slot in zip((pair.a, pair.b), slots, strict=True):
        ids = [add(side, f"{side.name} {n}") for n in range(3)]
        ids.append(side.value("INSERT INTO action_window (name) VALUES ('x') RETURNING id"))
        assert min(ids[:3]) > 5
        assert {number % 4 for number in ids} == {slot}


def test_a_record_has_the_same_id_on_both_sides(pair: Pair) -> None:
    for _ in range(3):
        for side in (pair.a, pair.b):
            child = add(side, f"of {side.name}", side.value("SELECT max(id) FROM partner"))
            side.run("INSERT INTO partner_tag VALUES (%s, 1), (1, 2) ON CONFLICT DO NOTHING", child)
            side.run("UPDATE partner SET name = name || '!', parent_id = 1 WHERE id IN (3, %s)", child)
            pair.settle()
        assert_equal_ids(pair)
    assert pair.a.value("SELECT name FROM partner WHERE id = 3") == "name 3!!!!!!"
    pair.a.run(
        "DELETE FROM partner WHERE name LIKE 'of milan%' AND id NOT IN (SELECT parent_id FROM partner p2"
        " WHERE parent_id IS NOT NULL)"
    )
    pair.b.run("DELETE FROM partner_tag WHERE partner_id = 1")
    pair.settle()
    assert_equal_ids(pair)


def test_a_change_to_a_deleted_record_does_not_bring_it_back(pair: Pair) -> None:
    one = add(pair.a, "one")
    pair.settle()
    pair.b.run("DELETE FROM partner WHERE id = %s", one)
    pair.a.run("UPDATE partner SET name = 'changed' WHERE id = %s", one)
    pair.settle()
    assert one not in {row[0] for row in pair.assert_same(PARTNERS)}
    assert [*pair.a.parked(), *pair.b.parked()] == []
    assert [c.kind for c in pair.b.conflicts()] == ["deleted"]
    pair.a.run("INSERT INTO partner (id, name) VALUES (%s, 'again')", one)
    pair.settle()
    assert (one, None, "again", None) in pair.assert_same(PARTNERS)


def test_an_id_that_another_record_has_is_parked_and_never_merged(pair: Pair) -> None:
    taken = add(pair.a, "of turin")
    pair.b.run("INSERT INTO partner (id, name) VALUES (%s, 'of milan')", taken)
    child = add(pair.a, "child", taken)
    pair.forth()
    assert pair.b.rows("SELECT name FROM partner WHERE id IN (%s, %s)", taken, child) == [("of milan",)]
    first, second = pair.b.parked()
    assert (first.key, first.reason, first.sqlstate) == (str(taken), "error", "23505")
    assert first.message == f"the id {taken} is that of another record here"
    assert (second.key, second.reason) == (str(child), "unresolved")
    pair.a.run("UPDATE partner SET name = 'changed' WHERE id = %s", taken)
    pair.forth()
    assert pair.b.value("SELECT name FROM partner WHERE id = %s", taken) == "of milan"
    with pair.b.another(**{"ucrepl.origin": "nobody"}) as unseen:
        unseen.execute("DELETE FROM public.partner WHERE id = %s", [taken])
    assert pair.retry().parked == 0
    assert pair.b.rows("SELECT name, parent_id FROM partner WHERE id IN (%s, %s) ORDER BY id", taken, child) == [
        ("changed", None), ("child", taken),
    ]  # fmt: skip


def test_records_that_both_have_made_are_recognised_and_keep_their_ids(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, ids="shared", rules=[{"table": "partner", "keys": [["ref"]]}])
    pair.seed_both()
    pair.share()
    for side in (pair.a, pair.b):
        side.run("INSERT INTO partner (ref, name) VALUES ('both', %s)", side.name)
    pair.a.run("INSERT INTO partner (name, parent_id) SELECT 'child', id FROM partner WHERE ref = 'both'")
    pair.settle()
    family = (
        "SELECT p.ref, p.name, u.ref FROM partner AS p LEFT JOIN partner AS u ON u.id = p.parent_id ORDER BY p.name"
    )
    assert "child" in {name for _, name, _ in pair.assert_same(family)}
    [(theirs, ours)] = [other for other in pair.b.pairs("partner") if len(set(other)) > 1]
    assert (ours, theirs) in pair.a.pairs("partner")
    assert pair.b.value("SELECT id FROM partner WHERE ref = 'both'") == ours


def test_ids_that_differ_are_refused_and_nothing_is_changed(clones: Pair, tmp_path: Path) -> None:
    for side in (clones.a, clones.b):
        add(side, f"of {side.name}")
    terminal = Terminal(clones, tmp_path)
    link_id = clones.b.value("SELECT link_id FROM ucrepl.link")
    with connect(clones.b.dsn) as daemon, held(daemon, link_id, FORTH):
        assert terminal.refused("ids", "share", code=5)[0] == f"a daemon is replaying link {FORTH!r}"
    message, hint = terminal.refused("ids", "share", code=5)
    assert message == "ids of 'turin' and 'milan' differ already: partner: 1 records, the first with id 6"
    assert "ids: remap" in hint
    for side in (clones.a, clones.b):
        assert steps(side) == dict.fromkeys(NAMES, 1)
        assert side.rows("SELECT * FROM ucrepl.id_slot") == []


def test_pairs_of_other_ids_are_refused(make_pair: MakePair) -> None:
    pair = make_pair(TABLES)
    pair.seed_both()
    pair.b.run("SELECT setval('partner_id_seq', 1000)")
    add(pair.a, "of turin")
    pair.settle()
    pair.configure(ids="shared")
    with pytest.raises(RefusedError, match="partner: 1 records, the first has the id 6 on 'turin' and 1001 on 'milan'"):
        pair.share()


def test_clones_have_to_be_paired_first(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, ids="shared")
    with pytest.raises(RefusedError, match="action_window: 1 records, the first with id 1; partner: 5 rec") as refused:
        pair.share()
    assert "seed --same-ids" in (refused.value.hint or "")


def test_what_is_given_twice_meanwhile_is_noticed_and_undone(clones: Pair) -> None:
    def give(done: int, _all: int) -> None:
        if done == 1:
            for side in (clones.a, clones.b):
                side.run("INSERT INTO tag (id, name) VALUES (900001, %s)", side.name)

    with (
        Nodes(clones.config, "test") as nodes,
        pytest.raises(RefusedError, match="tag: 1 records, the first with id 900001"),
    ):
        share_ids(clones.config, clones.config.links, nodes, progress=give)
    for side in (clones.a, clones.b):
        assert steps(side) == dict.fromkeys(NAMES, 1)
        assert side.rows("SELECT * FROM ucrepl.id_slot") == []
        assert side.value("INSERT INTO tag (name) VALUES ('next') RETURNING id") > 900001
    assert clones.a.value("SELECT ids_shared_at FROM ucrepl.link") is None


def test_sharing_while_one_side_is_in_use(clones: Pair) -> None:
    with busy(clones.a):
        wait_for(lambda: clones.a.value("SELECT count(*) FROM partner") > 50, what="some work")
        clones.share()
        reached = clones.a.value("SELECT max(id) FROM partner")
        wait_for(lambda: clones.a.value("SELECT max(id) FROM partner") > reached + 100, what="more work")
    add(clones.b, "of milan")
    clones.b.run(
        "INSERT INTO partner (name, parent_id) SELECT 'many', max(id) FROM partner, generate_series(1, 2500) AS n GROUP BY n"
    )
    clones.settle()
    assert_equal_ids(clones)


def test_other_slots_while_both_sides_are_in_use(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    with busy(pair.a, pair.b):
        for slots in ("8", "3"):
            before = [side.value("SELECT count(*) FROM partner") for side in (pair.a, pair.b)]
            said = terminal("ids", "share", "--slots", slots, "--json")
            assert [(node["slots"], node["wrong"]) for node in said.json["nodes"]] == [(int(slots), [])] * 2
            for side, rows in zip((pair.a, pair.b), before, strict=True):
                wait_for(lambda side=side, rows=rows: side.value("SELECT count(*) FROM partner") > rows + 50)  # type: ignore[misc]
    pair.settle()
    assert_equal_ids(pair)


def test_sharing_again_and_the_status(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    before = pair.both("SELECT slot, slots, since FROM ucrepl.id_slot")
    assert terminal("ids", "share").err == "0 sequences interleaved on 2 nodes\n"
    message, hint = terminal.refused("ids", "share", "--slots", "1", code=2)
    assert (message, "--slots 2" in hint) == ("1 slots are too few for 2 nodes", True)
    assert pair.both("SELECT slot, slots, since FROM ucrepl.id_slot") == before

    title, *lines = [line.split() for line in terminal("ids", "status").lines]
    assert title == ["node", "slot", "slots", "since", "sequences", "wrong"]
    assert [(line[0], line[1], line[2], line[-2:]) for line in lines] == [
        ("milan", "0", "4", ["3", "0"]),
        ("turin", "1", "4", ["3", "0"]),
    ]
    assert terminal("check").err == "nothing found\n"
    pair.a.run("ALTER SEQUENCE tag_id_seq INCREMENT BY 1; SELECT setval('partner_id_seq', 4000002)")
    said = terminal("ids", "status", FORTH, "--json", code=1)
    assert [node["wrong"] for node in said.json["nodes"]] == [
        [],
        [
            {"sequence": "public.partner_id_seq", "increment": 4, "last_value": 4000002},
            {
                "sequence": "public.tag_id_seq",
                "increment": 1,
                "last_value": pair.a.value("SELECT last_value FROM tag_id_seq"),
            },
        ],
    ]
    [finding] = terminal("check", "--json").json["findings"]
    assert (finding["node"], finding["check"], finding["severity"]) == ("turin", "ids", "warning")
    assert "2 sequences may hand out ids of other nodes" in finding["message"]
    assert terminal("ids", "share").err == "2 sequences interleaved on 2 nodes\n"
    assert all(add(side, "next") > 4000002 for side in (pair.a, pair.b))
    terminal("ids", "status")


def test_a_table_that_is_new(pair: Pair, tmp_path: Path) -> None:
    pair.run("CREATE TABLE extra (id serial PRIMARY KEY, name text)")
    pair.b.run("INSERT INTO extra (name) SELECT 'x' FROM generate_series(1, 40)")
    said = Terminal(pair, tmp_path)("install")
    assert "ids: 1 sequence interleaved" in said.err
    ids = [side.value("INSERT INTO extra (name) VALUES ('y') RETURNING id") for side in (pair.a, pair.b)]
    assert min(ids) > 40
    assert [number % 4 for number in ids] == [1, 0]
    pair.settle()
    assert [side.value("SELECT count(*) FROM extra WHERE name = 'y'") for side in (pair.a, pair.b)] == [2, 2]


def test_the_daemon_mends_sequences(pair: Pair) -> None:
    with working(pair):
        pair.run("CREATE TABLE extra (id serial PRIMARY KEY, name text)")
        pair.a.run("ALTER SEQUENCE tag_id_seq INCREMENT BY 1 RESTART WITH 777")
        for side in (pair.a, pair.b):
            wait_for(lambda side=side: steps(side) == dict.fromkeys((*NAMES, "extra_id_seq"), 4), what="the daemon")  # type: ignore[misc]
        assert pair.b.value("SELECT last_value FROM tag_id_seq") > 777


def test_before_ids_are_shared_nothing_is_replayed(clones: Pair, tmp_path: Path) -> None:
    terminal = Terminal(clones, tmp_path)
    with pytest.raises(RefusedError, match="do not share their ids yet") as refused:
        clones.forth()
    assert refused.value.hint == f"run: ucrepl ids share '{FORTH}'"
    found = terminal("check", "--json", code=1).json["findings"]
    assert {(f["link"], f["check"], f["remedy"]) for f in found} == {
        (name, "ids", f"run: ucrepl ids share '{name}'") for name in (FORTH, BACK)
    }
    assert "milan" in terminal("ids", "status", code=1).out


def test_it_can_be_taken_back(pair: Pair, tmp_path: Path) -> None:
    made = [add(side, side.name) for side in (pair.a, pair.b)]
    pair.settle()
    said = Terminal(pair, tmp_path)("ids", "unshare", FORTH)
    assert [line for line in said.err.splitlines() if "hands out all ids again" in line] == [
        f"{name}: hands out all ids again" for name in ("milan", "turin")
    ]
    pair.close_links()
    with pytest.raises(RefusedError, match="do not share their ids yet"):
        pair.forth()
    pair.configure()
    for side in (pair.a, pair.b):
        assert steps(side) == dict.fromkeys(NAMES, 1)
        assert add(side, "later") > max(made)
    pair.settle()
    pair.assert_clean()
    assert len(pair.assert_same("SELECT name FROM partner ORDER BY 1")) == 9


def test_what_the_configuration_says_must_be_so(pair: Pair, tmp_path: Path) -> None:
    pair.configure()
    with pytest.raises(RefusedError, match="share their ids, and the configuration says 'ids: remap'"):
        pair.forth()
    terminal = Terminal(pair, tmp_path)
    assert {f["check"] for f in terminal("check", "--json", code=1).json["findings"]} == {"ids"}
    assert terminal.refused("ids", "share", code=2)[0] == "no link has 'ids: shared'"
    message, hint = terminal.refused("ids", "share", FORTH, code=2)
    assert (message, "ids: shared" in hint) == (f"the configuration says 'ids: remap' for link {FORTH!r}", True)


def test_nothing_is_left_of_it_after_uninstall(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, ids="shared", installed=False)
    before = schema_dump(pair.a.dsn)
    pair.install()
    pair.seed_both()
    pair.share()
    Terminal(pair, tmp_path)("uninstall")
    assert schema_dump(pair.a.dsn) == before


def test_an_empty_node_is_filled_under_the_same_ids(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, ids="shared")
    with pair.b.another(**{"ucrepl.origin": "nobody"}) as unseen:
        unseen.execute("TRUNCATE public.partner, public.tag, public.partner_tag, public.action, public.action_window")
    add(pair.a, "child", 5)
    terminal = Terminal(pair, tmp_path)
    assert "do not share their ids yet" in terminal.refused("seed", FORTH, code=5)[0]
    pair.share()
    terminal("seed", FORTH)
    for side in (pair.a, pair.b):
        add(side, side.name, 6)
    pair.settle()
    assert_equal_ids(pair)
    pair.assert_same("SELECT id, name FROM action_window")


def test_a_third_node(database: MakeDatabase, tmp_path: Path) -> None:
    sides = [Side(name, database("empty")) for name in ("turin", "milan", "rome")]
    with ExitStack() as stack:
        for side in sides:
            stack.enter_context(side.connection)
            side.run(TABLES)
        add_a_third_node(tmp_path / "ucrepl.yaml", *sides)


def add_a_third_node(config: Path, turin: Side, milan: Side, rome: Side) -> None:
    sides = (turin, milan, rome)

    def configure(*ends: tuple[str, str]) -> None:
        links = [{"from": s, "to": t, "ids": "shared"} for pair in ends for s, t in (pair, pair[::-1])]
        nodes = {side.name: {"dsn": side.dsn} for side in sides}
        config.write_text(yaml.safe_dump({"nodes": nodes, "links": links}))

    def run(*args: str) -> None:
        assert main(["-c", str(config), *args]) == 0

    configure(("turin", "milan"))
    for command in (["install"], ["seed", "--same-ids"], ["ids", "share", "--slots", "2"]):
        run(*command)
    first = add(turin, "first")
    ucrepl("run", "--drain", config=config)
    milan.run("UPDATE partner SET name = 'second' WHERE id = %s", first)

    configure(("turin", "milan"), ("turin", "rome"), ("milan", "rome"))
    for command in (["install"], ["seed", "--same-ids"], ["ids", "share", "turin->rome"]):
        run(*command)
    assert [side.rows("SELECT slot, slots FROM ucrepl.id_slot") for side in sides] == [[(1, 4)], [(0, 4)], [(2, 4)]]
    for side in sides:
        add(side, side.name, 1 if side is rome else first)
    ucrepl("run", "--drain", config=config)
    milan.run("UPDATE partner SET name = 'by milan' WHERE name = 'turin'")
    rome.run("DELETE FROM partner WHERE name = 'milan'")
    rome.run("UPDATE partner SET parent_id = (SELECT id FROM partner WHERE name = 'rome') WHERE id = %s", first)
    ucrepl("run", "--drain", config=config)

    assert {side.name: side.parked() for side in sides} == {side.name: [] for side in sides}
    rows = turin.rows(PARTNERS)
    assert sorted(row[2] for row in rows[5:]) == ["by milan", "rome", "second"]
    assert milan.rows(PARTNERS) == rome.rows(PARTNERS) == rows
    run("verify")
