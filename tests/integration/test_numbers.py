"""Document numbers that two nodes hand out: kept apart by steps or prefixes, and taken back."""

from pathlib import Path

import pytest

from tests.integration.links import MakePair, Side
from tests.integration.offices import Offices
from tests.integration.terminal import BACK, FORTH, Terminal
from tests.integration.workers import working
from tests.support.dump import schema_dump
from tests.support.numbering import TABLES
from tests.support.waiting import wait_for
from ucrepl.link.cutover.documents import note_counters, read_counters
from ucrepl.link.lock import held
from ucrepl.link.numbers import tend
from ucrepl.link.numbers.tend import make_ranges

SEQUENCES = "SELECT name, code, implementation, suffix, padding FROM ir_sequence ORDER BY 1"
STEPS = "SELECT id, number_increment, prefix FROM ir_sequence ORDER BY 1"


@pytest.fixture
def offices(make_pair: MakePair, tmp_path: Path) -> Offices:
    pair = make_pair(TABLES)
    pair.b.run("SELECT setval('ir_sequence_id_seq', 1500), setval('ir_sequence_date_range_id_seq', 50)")
    pair.seed_both()
    return Offices(pair, tmp_path)


def draw_in_turn(offices: Offices, ours: int, theirs: int) -> list[str]:
    """Numbers that both draw before either hears of the other."""
    return [writer.draw(of) for _ in range(4) for writer, of in ((offices.turin, ours), (offices.milan, theirs))]


def has_sequence(side: Side, name: str) -> bool:
    return bool(side.value("SELECT to_regclass(%s) IS NOT NULL", name))


def test_a_new_sequence_gets_its_postgresql_sequence_on_the_peer(offices: Offices) -> None:
    """Under its own id there, with the step and the first number of its row, and the owner of the others."""
    pair = offices.pair
    pair.b.run("CREATE ROLE clerk; CREATE ROLE clerks; CREATE SEQUENCE ir_sequence_001 OWNED BY NONE")
    try:
        pair.b.run("ALTER SEQUENCE ir_sequence_001 OWNER TO clerk; GRANT USAGE ON SEQUENCE ir_sequence_001 TO clerks")
        ours = offices.turin.make_sequence("Orders", prefix="SO", number_next=7, number_increment=3)
        gapless = offices.turin.make_sequence("Hashes", implementation="no_gap")
        by_year = offices.turin.make_sequence("By year", use_date_range=True)
        of_2026 = offices.turin.make_range(by_year, 2026)
        pair.forth()
        pair.assert_same(SEQUENCES)
        theirs = offices.on_milan(ours)
        assert theirs > 1000
        assert offices.milan.draw(theirs) == "SO7"
        assert offices.milan.draw(theirs) == "SO10"
        assert not has_sequence(pair.b, f"ir_sequence_{offices.on_milan(gapless)}")
        ranges = offices.on_milan(of_2026, "ir_sequence_date_range")
        assert ranges == 51
        name = f"ir_sequence_{offices.on_milan(by_year)}_051"
        assert pair.b.value("SELECT nextval(%s)", name) == 1
        made = (f"ir_sequence_{theirs}", name)
        assert pair.b.column("SELECT relowner::regrole::text FROM pg_class WHERE relname = ANY (%s)", list(made)) == (
            ["clerk", "clerk"]
        )
        assert pair.b.value("SELECT has_sequence_privilege('clerks', %s, 'USAGE')", name)

        pair.a.run("UPDATE ir_sequence SET implementation = 'standard' WHERE name = 'Hashes'")
        pair.a.run("UPDATE ir_sequence SET implementation = 'no_gap' WHERE name = 'Orders'")
        offices.turin.delete_sequence(by_year)
        pair.forth()
        assert has_sequence(pair.b, f"ir_sequence_{offices.on_milan(gapless)}")
        assert not has_sequence(pair.b, f"ir_sequence_{theirs}")
        assert not has_sequence(pair.b, name)
        pair.assert_clean()
    finally:
        pair.b.run("DROP OWNED BY clerk, clerks; DROP ROLE clerk; DROP ROLE clerks")


def test_interleaved_numbers_never_collide(offices: Offices) -> None:
    pair = offices.pair
    orders = offices.turin.make_sequence("Orders", prefix="SO", draw=5)
    by_year = offices.turin.make_sequence("By year", use_date_range=True)
    of_2026 = offices.turin.make_range(by_year, 2026, draw=2)
    pair.settle()
    theirs = offices.on_milan(orders)
    offices.milan.draw(theirs)
    for _ in range(20):
        offices.milan.draw(theirs)  # it is far ahead

    offices.set("interleave")

    drawn = draw_in_turn(offices, orders, theirs)
    assert len(set(drawn)) == len(drawn)
    assert min(int(number.removeprefix("SO")) for number in drawn) > 21
    ranges = [
        offices.turin.draw(by_year, of_2026),
        offices.milan.draw(offices.on_milan(by_year), offices.on_milan(of_2026, "ir_sequence_date_range")),
    ]
    assert len({int(number) % 2 for number in ranges}) == 2
    assert min(map(int, ranges)) > 2
    assert {step for side in (pair.a, pair.b) for _, step, _ in side.rows(STEPS)} == {2}

    # new ones, of either side: the first numbers are drawn before the other side hears of them
    fresh = offices.turin.make_sequence("Fresh", prefix="F", draw=2)
    other = offices.milan.make_sequence("Other", prefix="G", draw=1)
    of_2027 = offices.turin.make_range(by_year, 2027, draw=1)
    before = {"F1", "F2"}
    pair.settle()
    here, there = offices.on_milan(fresh), dict(pair.a.pairs("ir_sequence"))[other]
    drawn = draw_in_turn(offices, fresh, here)
    assert before.isdisjoint(drawn)
    assert len(set(drawn)) == len(drawn)
    drawn = draw_in_turn(offices, there, other)
    assert "G1" not in drawn
    assert len(set(drawn)) == len(drawn)
    of_years = [
        offices.turin.draw(by_year, of_2027),
        offices.milan.draw(offices.on_milan(by_year), offices.on_milan(of_2027, "ir_sequence_date_range")),
    ]
    assert "1" not in of_years
    assert len({int(number) % 2 for number in of_years}) == 2
    pair.assert_clean()
    assert [node["wrong"] for node in offices.status().values()] == [[], []]


def test_steps_and_counters_are_not_overwritten(offices: Offices) -> None:
    pair = offices.pair
    orders = offices.turin.make_sequence("Orders", prefix="SO")
    gapless = offices.turin.make_sequence("Hashes", implementation="no_gap", number_next=9)
    pair.settle()
    offices.set("interleave")
    pair.a.run("UPDATE ir_sequence SET number_increment = 5, number_next = 100, name = 'Sales' WHERE id = %s", orders)
    pair.b.run("UPDATE ir_sequence SET number_next = 20 WHERE name = 'Hashes'")
    pair.forth()
    offices.turin.draw_without_gap(gapless)
    pair.settle()
    assert pair.b.rows("SELECT number_increment, number_next FROM ir_sequence WHERE name = 'Sales'") == [(2, 100)]
    assert pair.assert_same("SELECT number_next FROM ir_sequence WHERE name = 'Hashes'") == [(20,)]


def test_prefixes(offices: Offices) -> None:
    pair = offices.pair
    orders = offices.turin.make_sequence("Orders", prefix="SO", draw=1)
    bare = offices.turin.make_sequence("Bare", prefix="")
    pair.settle()
    offices.configure(prefixes={"turin": "", "milan": "M/"})
    offices.set("prefix")
    drawn = [
        *draw_in_turn(offices, orders, offices.on_milan(orders)),
        *draw_in_turn(offices, bare, offices.on_milan(bare)),
    ]
    assert len(set(drawn)) == len(drawn)
    assert drawn[:2] == ["SO2", "M/SO1"]

    # a change of it on one side stays there, new ones get their own, and a rename goes through
    pair.a.run("UPDATE ir_sequence SET prefix = 'ORD', name = 'Sales' WHERE id = %s", orders)
    fresh = offices.milan.make_sequence("Fresh", prefix="F")
    pair.settle()
    assert pair.b.column("SELECT prefix FROM ir_sequence WHERE name = 'Sales'") == ["M/SO"]
    assert pair.b.column("SELECT prefix FROM ir_sequence WHERE id = %s", fresh) == ["M/F"]
    here = dict(pair.a.pairs("ir_sequence"))[fresh]
    drawn = draw_in_turn(offices, here, fresh)
    assert drawn[:2] == ["F1", "M/F1"]
    assert {numbering["prefix"] for numbering in offices.status().values()} == {"", "M/"}

    offices.set("undo")
    assert pair.a.column("SELECT prefix FROM ir_sequence ORDER BY name") == ["", "F", "ORD"]
    assert pair.b.column("SELECT prefix FROM ir_sequence ORDER BY name") == ["", "F", "SO"]


@pytest.mark.parametrize("way", ["interleave", pytest.param("prefix", marks=pytest.mark.long)])
def test_what_is_undone_is_as_it_was(offices: Offices, way: str) -> None:
    pair = offices.pair
    offices.configure(prefixes={"turin": "T-", "milan": "M-"})
    orders = offices.turin.make_sequence("Orders", prefix="SO", draw=4)
    offices.turin.make_sequence("Fives", number_increment=5)
    by_year = offices.turin.make_sequence("By year", use_date_range=True)
    offices.turin.make_range(by_year, 2026, draw=2)
    pair.settle()
    rows, schemas = pair.both(STEPS), [schema_dump(side.dsn) for side in (pair.a, pair.b)]

    offices.set(way)
    assert pair.both(STEPS) != rows
    last = max(int(number[-1]) for number in draw_in_turn(offices, orders, offices.on_milan(orders)))
    offices.set("undo")

    assert pair.both(STEPS) == rows
    assert [schema_dump(side.dsn) for side in (pair.a, pair.b)] == schemas
    assert int(offices.turin.draw(orders).removeprefix("SO")) > last
    assert [node["way"] for node in offices.status().values()] == [None, None]


def test_uninstall_leaves_nothing(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, installed=False)
    offices = Offices(pair, tmp_path)
    offices.turin.make_sequence("Orders", prefix="SO")
    before = schema_dump(pair.a.dsn)
    offices.configure(
        owners=[{"table": "account_journal", "owner": "milan"}, {"table": "ir_sequence", "owner": "milan"}]
    )
    offices.terminal("install")
    pair.settle()
    offices.set("interleave")
    assert pair.a.column("SELECT DISTINCT tgname FROM pg_trigger WHERE tgname IN ('ucrepl_number', 'ucrepl_owner')")
    pair.close_links()
    offices.terminal("uninstall")
    assert schema_dump(pair.a.dsn) == before
    assert pair.a.rows("SELECT number_increment, prefix FROM ir_sequence") == [(1, "SO")]


@pytest.mark.parametrize("nodes", [["milan"], ["turin"], ["turin", "milan"], []], ids=" ".join)
@pytest.mark.parametrize("ahead", ["turin", "milan"])
def test_after_uninstall_no_number_is_given_again(offices: Offices, nodes: list[str], ahead: str) -> None:
    pair = offices.pair
    ours, yearly = offices.turin.make_sequence("Orders"), offices.turin.make_sequence("Yearly", use_date_range=True)
    of_2026 = offices.turin.make_range(yearly, 2026)
    pair.settle()
    offices.set("interleave")
    writers = {"turin": offices.turin, "milan": offices.milan}
    places = {
        "turin": ((ours, None), (yearly, of_2026)),
        "milan": (
            (offices.on_milan(ours), None),
            (offices.on_milan(yearly), offices.on_milan(of_2026, "ir_sequence_date_range")),
        ),
    }
    given = [{int(writers[ahead].draw(*place)) for _ in range(20)} for place in places[ahead]]
    offices.terminal("uninstall", *nodes)
    for node in nodes or writers:
        for numbers, place in zip(given, places[node], strict=True):
            assert int(writers[node].draw(*place)) > max(numbers)
    assert pair.both("SELECT DISTINCT number_increment FROM ir_sequence") == tuple(
        [(1 if not nodes or node in nodes else 2,)] for node in writers
    )


def test_after_uninstall_numbers_go_on_above_what_an_absent_node_is_known_to_have_given(
    offices: Offices, tmp_path: Path
) -> None:
    pair = offices.pair
    ours = offices.turin.make_sequence("Orders")
    pair.settle()
    offices.set("interleave")
    last = [int(offices.turin.draw(ours)) for _ in range(20)][-1]
    link = pair.b.value("SELECT link_id FROM ucrepl.link WHERE name = %s", FORTH)
    note_counters(pair.b.connection, link, read_counters(pair.a.connection))
    theirs = offices.on_milan(ours)
    said = Terminal(pair, tmp_path, turin="host=127.0.0.1 port=1 dbname=nowhere")("uninstall", "milan")
    assert "milan: 'turin' can't be asked for its document numbers" in said.err
    assert int(offices.milan.draw(theirs)) > last + 100


def test_an_uninstall_that_is_refused_changes_nothing(offices: Offices) -> None:
    pair = offices.pair
    offices.turin.make_sequence("Orders")
    pair.settle()
    offices.set("interleave")
    before = pair.both(STEPS)
    with held(pair.b.connection, pair.b.value("SELECT link_id FROM ucrepl.link"), FORTH):
        offices.terminal.refused("uninstall", code=5)
    assert pair.both(STEPS) == before
    assert pair.a.journal() is not None


def test_what_is_printed_is_what_is_done(offices: Offices) -> None:
    pair = offices.pair
    orders = offices.turin.make_sequence("Orders", prefix="SO", draw=4)
    pair.settle()
    before = pair.both(STEPS)
    said = offices.terminal("numbers", "interleave", FORTH, "--print")
    assert pair.both(STEPS) == before
    for line in said.out.split("-- turin\n")[1:]:
        pair.a.run(line.partition("-- milan")[0])
    assert int(offices.turin.draw(orders).removeprefix("SO")) > 4
    assert pair.a.column("SELECT number_increment FROM ir_sequence") == [2]


def test_what_is_refused(offices: Offices) -> None:
    pair = offices.pair
    offices.turin.make_sequence("Orders")
    pair.b.run("INSERT INTO ir_sequence (name) VALUES ('x'); CREATE SEQUENCE ir_sequence_1501")
    refused = offices.terminal.refused
    assert "not known which" in refused("numbers", "interleave", FORTH, code=5)[0]
    pair.settle()
    pair.close_links()
    sentence, hint = refused("numbers", "prefix", FORTH, code=2)
    assert "node 'milan' has no prefix" in sentence
    assert "numbers.prefixes" in hint
    assert "too few" in refused("numbers", "interleave", FORTH, "--slots", "1", code=2)[0]
    with held(pair.b.connection, pair.b.value("SELECT link_id FROM ucrepl.link"), FORTH):
        assert "turin->milan" in refused("numbers", "interleave", BACK, code=5)[0]
    assert pair.a.rows("SELECT * FROM ucrepl.numbering") == []
    offices.set("interleave")
    offices.configure(prefixes={"turin": "T-", "milan": "M-"})
    sentence, hint = refused("numbers", "prefix", FORTH, code=5)
    assert "otherwise already: slot" in sentence
    assert "numbers undo" in hint


def test_prefixes_that_can_t_be(offices: Offices) -> None:
    for prefixes, words in (
        ({"turin": "T", "milan": "T"}, "the same prefix as that of the node 'milan'"),
        ({"turin": "T1"}, "must not end with a digit"),
        ({"turin": "%Y"}, "'%' in it"),
        ({"tutin": "T"}, "unknown node 'tutin'"),
    ):
        offices.configure(prefixes=prefixes)
        assert words in offices.terminal("config", "check", code=2).err
    offices.configure(owners=[{"table": "account_journal", "owner": "rome"}])
    assert "unknown node 'rome'" in offices.terminal("config", "check", code=2).err


def test_a_sequence_that_somebody_has_changed_is_noticed(offices: Offices) -> None:
    pair = offices.pair
    orders = offices.turin.make_sequence("Orders")
    pair.settle()
    offices.set("interleave")
    pair.a.run(f"ALTER SEQUENCE ir_sequence_{orders:03d} INCREMENT BY 1")
    said = offices.terminal("numbers", "status", code=1)
    assert f"ir_sequence_{orders:03d}" in said.err
    assert f"sequences give numbers of other nodes: 'ir_sequence_{orders:03d}'" in offices.terminal("check").out
    offices.set("interleave")
    offices.terminal("numbers", "status")


def test_a_date_range_that_both_sides_begin_is_announced_and_noted(offices: Offices) -> None:
    pair = offices.pair
    by_year = offices.turin.make_sequence("By year", use_date_range=True)
    ends = pair.a.value("SELECT extract(year FROM current_date + 30)::int")
    last = offices.turin.make_range(by_year, ends, draw=1)
    pair.settle()
    offices.set("interleave")
    pair.run(f"UPDATE ir_sequence_date_range SET date_to = current_date + 30 WHERE date_from = '{ends}-01-01'")
    told = "date ranges that begin soon are not there, and their first number may be given twice: 'By year'"
    assert f"turin: {told}" in offices.terminal("check").out
    assert [node["ranges_due"] for node in offices.status().values()] == [["By year"], ["By year"]]
    assert (
        "HINT: run the daemon, which makes those of calendar years; make others on one node while the links run"
        in offices.terminal("numbers", "status").err
    )

    here = offices.turin.make_range(by_year, ends + 1, draw=1)
    there = offices.milan.make_range(offices.on_milan(by_year), ends + 1, draw=1)
    status = offices.status()
    assert [node["ranges_due"] for node in status.values()] == [[], []]
    noted = {node["slot"]: (node["noted"], node["last_noted"]) for node in status.values()}
    assert noted == {1: (0, None), 0: (1, f"By year, number 1 from {ends + 1}-01-01 on")}
    pair.settle()
    assert offices.on_milan(here, "ir_sequence_date_range") == there != last
    drawn = [offices.turin.draw(by_year, here), offices.milan.draw(offices.on_milan(by_year), there)]
    assert len({int(number) % 2 for number in drawn}) == 2
    pair.assert_clean()


def test_a_date_range_that_was_made_beforehand_gives_no_number_twice(offices: Offices) -> None:
    pair = offices.pair
    by_year = offices.turin.make_sequence("By year", use_date_range=True)
    pair.settle()
    offices.set("interleave")
    here = offices.turin.make_range(by_year, 2030)
    pair.settle()
    there = offices.on_milan(here, "ir_sequence_date_range")
    drawn = [offices.turin.draw(by_year, here), offices.milan.draw(offices.on_milan(by_year), there)]
    assert sorted(drawn) == ["1", "2"]


def test_the_daemon_makes_the_date_range_of_the_next_year(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node of slot 0 does, the other one only if it is late; where both do it is one and the same."""
    pair = offices.pair
    year, left = pair.a.rows(
        "SELECT y, make_date(y, 12, 31) - current_date FROM extract(year FROM current_date) AS e, CAST(e AS int) AS y"
    )[0]
    by_year = offices.turin.make_sequence("By year", use_date_range=True)
    offices.turin.make_range(by_year, year, draw=1)
    fiscal = offices.turin.make_sequence("Fiscal", use_date_range=True)
    offices.turin.make_range(fiscal, year)
    pair.a.run("UPDATE ir_sequence_date_range SET date_from = date_from + 31 WHERE sequence_id = %s", fiscal)
    pair.settle()
    first, late = pair.b.connection, pair.a.connection
    monkeypatch.setattr(tend, "DUE_DAYS", left + 1)
    assert (make_ranges(late), make_ranges(first)) == (0, 0)
    offices.set("interleave")
    assert {name: node["slot"] for name, node in offices.status().items()} == {"turin": 1, "milan": 0}
    assert make_ranges(late) == 0
    with working(pair):
        is_made = f"SELECT count(*) FROM ir_sequence_date_range WHERE date_from = '{year + 1}-01-01'"
        wait_for(lambda: pair.b.value(is_made) == 1, what="the daemon")
    assert make_ranges(first) == 0

    again = offices.turin.make_sequence("Again", use_date_range=True)
    offices.turin.make_range(again, year)
    pair.settle()
    assert make_ranges(first) == 1
    monkeypatch.setattr(tend, "DUE_DAYS", 2 * left + 2)
    assert make_ranges(late) == 1
    pair.settle()
    made = (
        "FROM ir_sequence_date_range AS r JOIN ir_sequence AS s ON s.id = sequence_id"
        f" WHERE date_from = '{year + 1}-01-01'"
    )
    assert pair.assert_same(f"SELECT s.name, date_to::text {made} ORDER BY 1") == [
        ("Again", f"{year + 1}-12-31"),
        ("By year", f"{year + 1}-12-31"),
    ]
    for name, sequence in (("By year", by_year), ("Again", again)):
        here = pair.a.value(f"SELECT r.id {made} AND s.name = %s", name)
        there = offices.on_milan(here, "ir_sequence_date_range")
        drawn = [offices.turin.draw(sequence, here), offices.milan.draw(offices.on_milan(sequence), there)]
        assert drawn == ["1", "2"]
    assert pair.both("SELECT document FROM ucrepl.number_note") == ([], [])
    pair.assert_clean()
