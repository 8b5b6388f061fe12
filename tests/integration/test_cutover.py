"""The cut-over on small databases: what it moves, what it refuses, and what it takes back."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from tests.integration.links import BACK as BACK_LINK
from tests.integration.links import FORTH as FORTH_LINK
from tests.integration.links import MakePair, Pair, Side, part_ids
from tests.integration.terminal import BACK, FORTH, Terminal
from tests.integration.workers import working
from tests.support.waiting import wait_for
from ucrepl.errors import Exit, RefusedError
from ucrepl.link.cutover.fence import SQLSTATE
from ucrepl.link.cutover.run import Options, cut_over
from ucrepl.link.nodes import Nodes

DDL = """
    CREATE TABLE partner (id serial PRIMARY KEY, name text);
    CREATE TABLE tag (partner_id int REFERENCES partner, name text, PRIMARY KEY (partner_id, name));
    CREATE TABLE ir_sequence (id serial PRIMARY KEY, name text, implementation text, number_next int);
    CREATE SEQUENCE ir_sequence_001;
    CREATE SEQUENCE base_cache_signaling;
    INSERT INTO partner (name) VALUES ('a'), ('b');
    INSERT INTO ir_sequence (name, implementation, number_next) VALUES ('S', 'standard', 1), ('F', 'no_gap', 5);
"""
STEPS = [
    *("prepare", "fence", "marker", "level", "numbers", "compare", "arm"),
    *("switch", "close", "open", "resume", "caches"),
]
PARTNERS = "SELECT name FROM partner ORDER BY 1"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(DDL)
    pair.seed_both()
    pair.settle()
    pair.close_links()
    return pair


def over(pair: Pair, direction: int = FORTH_LINK, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    with Nodes(pair.config, "cutover") as nodes:
        return cut_over(pair.config, pair.config.links[direction], nodes, Options(**options))


def is_open(side: Side) -> bool:
    """Whether it can be written to."""
    try:
        with psycopg.connect(side.dsn) as session, session.transaction(force_rollback=True):
            session.execute("SET LOCAL lock_timeout = '2s'")
            session.execute("INSERT INTO partner (name) VALUES ('may I?')")
    except psycopg.OperationalError as error:
        if error.sqlstate != SQLSTATE:
            raise
        return False
    return True


def open_sides(pair: Pair) -> list[str]:
    return [side.name for side in (pair.a, pair.b) if is_open(side)]


def with_hook(pair: Pair, forth: list[str], back: list[str] | None = None, **more: object) -> None:
    """Configures a command for either way."""
    commands = (forth, back or [])
    links = [
        {"from": link.source, "to": link.target, "cutover": {"switch": command, "switch_seconds": 2, **more}}
        for link, command in zip(pair.config.links, commands, strict=True)
    ]
    pair.config = type(pair.config).model_validate({"nodes": pair.config.model_dump()["nodes"], "links": links})


def noting(path: Path, then: str = "pass") -> list[str]:
    """A command that notes in a file to where it led."""
    return [
        sys.executable,
        "-c",
        f"import sys, time; open({str(path)!r}, 'a').write(sys.argv[1] + ' '); {then}",
        "{target}",
    ]


def test_the_work_moves_and_comes_back(pair: Pair) -> None:
    pair.a.run("INSERT INTO partner (name) VALUES ('c'); SELECT nextval('ir_sequence_001') FROM generate_series(1, 7)")
    pair.a.run("UPDATE ir_sequence SET number_next = 9 WHERE name = 'F'")
    report = over(pair)
    assert open_sides(pair) == ["milan"]
    assert (report["outcome"], report["rows"], report["numbers"]["documents"]) == ("done", 2, 1)
    assert report["compared"] == 2
    assert pair.b.value("SELECT nextval('ir_sequence_001')") == 8
    assert pair.b.value("SELECT number_next FROM ir_sequence WHERE name = 'F'") == 9
    assert pair.b.value("SELECT nextval('partner_id_seq')") > pair.a.value("SELECT max(id) FROM partner")
    assert pair.b.value("SELECT last_value FROM base_cache_signaling") == 1
    for side in (pair.a, pair.b):
        assert side.rows("SELECT kind, outcome, report->>'target' FROM ucrepl.cutover") == [
            ("cutover", "done", "milan")
        ]
        steps = side.column("SELECT step FROM ucrepl.cutover_step ORDER BY place")
        assert steps == STEPS
        assert side.value("SELECT bool_and(ended_at >= began_at) FROM ucrepl.cutover_step")

    pair.b.run("INSERT INTO partner (name) VALUES ('d')")
    report = over(pair, BACK_LINK)
    assert (report["outcome"], report["source"], report["target"], report["rows"]) == ("done", "milan", "turin", 1)
    assert open_sides(pair) == ["turin"]
    pair.a.run("INSERT INTO partner (name) VALUES ('e')")
    pair.settle()
    assert pair.assert_same(PARTNERS) == [("a",), ("b",), ("c",), ("d",), ("e",)]
    pair.assert_clean()


@pytest.mark.long
def test_document_numbers_go_by_the_ids_of_the_other_side(make_pair: MakePair) -> None:
    pair = make_pair(DDL)
    pair.seed_both()
    part_ids(pair, "ir_sequence_id_seq", by=100)
    pair.a.run("INSERT INTO ir_sequence (name, implementation, number_next) VALUES ('N', 'standard', 1)")
    pair.a.run("CREATE SEQUENCE ir_sequence_003 INCREMENT BY 2; SELECT setval('ir_sequence_003', 41)")
    pair.close_links()
    assert over(pair)["numbers"]["documents"] == 1
    assert pair.b.value("SELECT nextval('ir_sequence_101')") == 43


@pytest.mark.long
def test_a_daemon_that_replays_goes_on_with_it(pair: Pair) -> None:
    with working(pair), working(pair, BACK_LINK):
        wait_for(lambda: all(_daemons(pair)), what="both daemons")
        pair.a.run("INSERT INTO partner (name) VALUES ('c')")
        assert over(pair)["outcome"] == "done"
        pair.b.run("INSERT INTO partner (name) VALUES ('d')")
        assert over(pair, BACK_LINK)["outcome"] == "done"
        assert pair.a.value("SELECT count(*) FROM partner") == 4


def _daemons(pair: Pair) -> list[bool]:
    return [
        side.value(
            "SELECT count(*) > 0 FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND l.classid = 30051 AND d.datname = current_database()"
        )
        for side in (pair.a, pair.b)
    ]


@pytest.mark.long
def test_a_rehearsal_leaves_all_as_it_was(pair: Pair, tmp_path: Path) -> None:
    with_hook(pair, noting(tmp_path / "led"))
    pair.a.run("INSERT INTO partner (name) VALUES ('c')")
    report = over(pair, rehearse=True)
    assert (report["outcome"], report["kind"], report["rows"]) == ("taken back", "rehearsal", 1)
    assert report["waited_ms"] > 0
    assert open_sides(pair) == ["turin", "milan"]
    assert not (tmp_path / "led").exists()
    assert over(pair)["outcome"] == "done"
    assert (tmp_path / "led").read_text() == "milan "


def test_an_open_transaction_that_ends_in_time_is_carried_over(pair: Pair) -> None:
    with ThreadPoolExecutor() as pool, pair.a.another() as user:
        user.execute("INSERT INTO partner (name) VALUES ('late')")
        done = pool.submit(over, pair)
        wait_for(
            lambda: pair.a.value(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ucrepl.journal_seq'::regclass"
            ),
            what="the cut-over to wait",
        )
        user.execute("INSERT INTO partner (name) VALUES ('later')")
        user.commit()
        assert done.result()["outcome"] == "done"
    assert pair.b.column(PARTNERS) == ["a", "b", "late", "later"]


@pytest.mark.long
def test_a_prepared_transaction_takes_it_back_while_it_is_there(pair: Pair) -> None:
    pair.a.run("SET ucrepl.notify = off")
    pair.a.run("BEGIN; INSERT INTO partner (name) VALUES ('prepared'); PREPARE TRANSACTION 'of a broker'")
    with pytest.raises(RefusedError, match=r"'turin' is open as before: .* step 'fence': a transaction"):
        over(pair, deadline=0.3)
    assert open_sides(pair) == ["turin"]
    pair.a.run("COMMIT PREPARED 'of a broker'")
    assert over(pair)["rows"] == 1
    assert open_sides(pair) == ["milan"]


@pytest.mark.long
def test_an_open_transaction_that_outlives_the_deadline_takes_it_back(pair: Pair) -> None:
    with pair.a.another() as user:
        user.execute("INSERT INTO partner (name) VALUES ('long')")
        with pytest.raises(RefusedError, match=r"'turin' is open as before: .* step 'fence': a transaction"):
            over(pair, deadline=0.3)
        user.execute("INSERT INTO partner (name) VALUES ('longer')")
        user.commit()
    assert open_sides(pair) == ["turin"]
    assert pair.a.value("SELECT count(*) FROM partner") == 4
    assert pair.a.rows("SELECT outcome FROM ucrepl.cutover") == [("taken back",)]
    assert over(pair)["rows"] == 2
    assert open_sides(pair) == ["milan"]


@pytest.mark.parametrize(
    ("then", "words"),
    [
        ("sys.exit('no such proxy')", "ended with 1: no such proxy"),
        pytest.param("time.sleep(60)", "took longer than 2", marks=pytest.mark.long),
    ],
    ids=["fails", "hangs"],
)
def test_a_command_that_fails_or_hangs_takes_it_back_and_the_clients_are_led_back(
    pair: Pair, tmp_path: Path, then: str, words: str
) -> None:
    with_hook(pair, noting(tmp_path / "led", then), noting(tmp_path / "led"))
    with pytest.raises(RefusedError, match=words):
        over(pair)
    assert (tmp_path / "led").read_text() == "milan turin "
    assert open_sides(pair) == ["turin"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("then", "words"),
    [("sys.exit('no way back')", "ended with 1: no way back"), ("time.sleep(60)", "took longer than 2")],
    ids=["fails", "hangs"],
)
def test_clients_that_can_not_be_led_back_are_told_of(pair: Pair, tmp_path: Path, then: str, words: str) -> None:
    with_hook(pair, noting(tmp_path / "led", "sys.exit(1)"), noting(tmp_path / "led", then))
    with pytest.raises(RefusedError, match=r"'turin' is open as before: .*led back, do it by hand: ") as refused:
        over(pair)
    assert words in refused.value.message
    assert (tmp_path / "led").read_text() == "milan turin "
    assert open_sides(pair) == ["turin"]
    assert words in str(pair.a.value("SELECT report->'notes' FROM ucrepl.cutover"))


@pytest.mark.long
def test_a_command_that_lies_takes_it_back(pair: Pair) -> None:
    with_hook(pair, ["true"], ["true"], through=pair.a.dsn, switch_seconds=0.2)
    with pytest.raises(RefusedError, match="does not lead to the new side: it leads to 'turin'"):
        over(pair)
    assert open_sides(pair) == ["turin"]


@pytest.mark.long
def test_what_differs_takes_it_back(pair: Pair) -> None:
    pair.a.run("UPDATE partner SET name = 'changed' WHERE name = 'a'")
    pair.b.run(
        "SET ucrepl.origin = 'somebody'; UPDATE partner SET name = 'other' WHERE name = 'b'; RESET ucrepl.origin"
    )
    with pytest.raises(RefusedError, match="both sides differ in 'partner'") as refused:
        over(pair)
    assert "verify" in (refused.value.hint or "")
    assert open_sides(pair) == ["turin"]


def test_what_forbids_it_is_said_with_its_remedy_and_changes_nothing(pair: Pair, tmp_path: Path) -> None:
    with_hook(pair, [str(tmp_path / "missing")])
    terminal = Terminal(pair, tmp_path)
    terminal("pause", FORTH)
    terminal("pause", BACK)
    sentence, hint = terminal.refused("cutover", FORTH, "--yes", code=Exit.REFUSED)
    for words in (f"{FORTH} is paused", f"{BACK} is paused", "is not there"):
        assert words in sentence
    assert f"ucrepl resume '{FORTH}'" in hint
    assert pair.a.rows("SELECT * FROM ucrepl.cutover") == pair.b.rows("SELECT * FROM ucrepl.fence") == []


@pytest.mark.long
def test_it_goes_one_way_at_a_time(pair: Pair) -> None:
    over(pair)
    with pytest.raises(RefusedError, match="'turin' is closed already, its work is on node 'milan'"):
        over(pair)


@pytest.mark.long
def test_two_at_once_are_refused(pair: Pair) -> None:
    inside, may_go = Event(), Event()

    def told(step: str) -> None:
        if step == "switch":
            inside.set()
            may_go.wait(30)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(over, pair, told=told)
        assert inside.wait(30)
        with pytest.raises(RefusedError, match="another program is at work"):
            over(pair)
        may_go.set()
        assert first.result()["outcome"] == "done"


@pytest.mark.long
def test_the_command_line_tells_all_of_it(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    assert "--yes" in terminal.refused("cutover", FORTH, code=Exit.USAGE)[1]
    assert terminal("cutover", FORTH, "--rehearse", "--json").json["kind"] == "rehearsal"
    said = terminal("cutover", FORTH, "--yes", "--deadline", "5s")
    assert "turin->milan: fence" in said.err
    assert [line.split()[:2] for line in terminal("cutover", "status").lines[1:]] == [
        ["turin", "closed"],
        ["milan", "open"],
    ]
    pair.b.run("INSERT INTO partner (name) VALUES ('d')")
    report = terminal("cutover", "report", "--json").json
    assert report["first_write_at"]
    assert report["outcome"] == "done"
    assert "waited ms" in terminal("cutover", "report", FORTH).out
    assert terminal("cutover", FORTH, "--back", "--yes", "--json").json["target"] == "turin"
    assert terminal("cutover", "release").err == "milan: open\n"
    assert open_sides(pair) == ["turin", "milan"]
    for words, code in ((("resume",), Exit.REFUSED), (("abort", FORTH), Exit.REFUSED), ((FORTH, "x"), Exit.USAGE)):
        terminal.refused("cutover", *words, code=code)
    terminal.refused("cutover", FORTH, "--deadline", "soon", "--yes", code=Exit.USAGE)
