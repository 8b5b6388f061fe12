"""`verify` on the command line."""

from pathlib import Path

import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import BACK, FORTH, Terminal
from tests.integration.test_verify import unseen

TABLES = """
    CREATE TABLE partner (id serial PRIMARY KEY, ref text UNIQUE, name text);
    CREATE TABLE tag (id serial PRIMARY KEY, name text);
    INSERT INTO partner (ref, name) SELECT 'R' || i, 'name ' || i FROM generate_series(1, 50) AS i;
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(TABLES)
    pair.seed_both()
    pair.settle()
    return pair


@pytest.fixture
def terminal(pair: Pair, tmp_path: Path) -> Terminal:
    return Terminal(pair, tmp_path)


def test_nothing_differs(terminal: Terminal) -> None:
    said = terminal("verify")
    assert said.out == ""
    assert said.err.splitlines() == [f"{name}: 50 rows of 2 tables compared, 0 differ" for name in (FORTH, BACK)]


def test_what_differs_is_counted(pair: Pair, terminal: Terminal) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x' WHERE id = 7", "DELETE FROM partner WHERE id = 8")
    said = terminal("verify", FORTH, code=1)
    assert [" ".join(line.split()) for line in said.lines] == [
        f"{FORTH}:",
        "table source rows target rows own missing extra different lagging",
        "partner 50 49 0 1 0 1 0",
    ]
    assert "2 differ" in said.err
    assert f"ucrepl verify '{FORTH}' --show" in said.err


def test_rows_and_columns_are_shown(pair: Pair, terminal: Terminal) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x', ref = NULL WHERE id = 7", "DELETE FROM partner WHERE id = 8")
    said = terminal("verify", FORTH, "--show", code=1)
    shown = [" ".join(line.split()) for line in said.lines[said.lines.index("") + 1 :]]
    assert shown == [
        "table key local key what column source target",
        "partner 7 7 different ref R7 -",
        "partner 7 7 different name name 7 x",
        "partner 8 8 missing - - -",
    ]


def test_no_more_rows_are_shown_than_asked_for(pair: Pair, terminal: Terminal) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x'")
    said = terminal("verify", FORTH, "--show", "--limit", "3", code=1)
    assert len(said.lines[said.lines.index("") + 2 :]) == 3
    assert "47 more: --limit 50" in said.err


def test_the_result_as_json(pair: Pair, terminal: Terminal) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x' WHERE id = 7")
    said = terminal("verify", FORTH, "--json", "--show", "--table", "partner", code=1)
    [link] = said.json["links"]
    [table] = link["tables"]
    assert (link["link"], table["table"], table["different"], table["source_rows"]) == (FORTH, "partner", 1, 50)
    [row] = table["rows"]
    assert (row["kind"], row["key"], row["action"]) == ("different", "7", "update")
    assert row["columns"] == [{"column": "name", "source": "name 7", "target": "x"}]


def test_one_table_alone(pair: Pair, terminal: Terminal) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x' WHERE id = 7")
    said = terminal("verify", FORTH, "--table", "tag")
    assert [line.split()[:3] for line in said.lines[2:]] == [["tag", "0", "0"]]
    message, hint = terminal.refused("verify", "--table", "partners", code=2)
    assert (message, hint) == ("the source has no table 'partners'", "did you mean 'partner'?")


def test_what_would_be_done_is_printed_and_not_done(pair: Pair, terminal: Terminal) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x' WHERE id = 7", "INSERT INTO tag (name) VALUES ('new')")
    said = terminal("verify", FORTH, "--repair", "--print", code=1)
    shown = [" ".join(line.split()) for line in said.lines[said.lines.index("") + 1 :]]
    assert shown == [
        "table key local key what action",
        "partner 7 7 different update",
        "tag - 1 extra leave",
    ]
    assert f"ucrepl verify '{BACK}' --repair" in said.err
    assert pair.b.value("SELECT name FROM partner WHERE id = 7") == "x"


def test_what_was_mended_is_told(pair: Pair, terminal: Terminal) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x' WHERE id = 7", "DELETE FROM partner WHERE id = 8")
    said = terminal("verify", FORTH, "--repair")
    shown = [" ".join(line.split()) for line in said.lines[said.lines.index("") + 1 :]]
    assert shown == [
        "table key local key what action outcome",
        "partner 7 7 different update done",
        "partner 8 8 missing insert done",
    ]
    assert "2 differ, 2 mended" in said.err
    assert "0 differ" in terminal("verify", FORTH).err


def test_what_can_not_be_mended_is_told_with_the_reason(pair: Pair, terminal: Terminal) -> None:
    unseen(pair.a, "UPDATE partner SET name = 'x' WHERE id = 7")
    pair.b.run("ALTER TABLE partner ADD CHECK (name <> 'x')")
    said = terminal("verify", FORTH, "--repair", code=1)
    assert "violates check constraint" in said.out
    assert "1 differ, 0 mended" in said.err


def test_rows_that_are_late_are_told(pair: Pair, terminal: Terminal) -> None:
    pair.a.run("UPDATE partner SET name = 'x' WHERE id = 7")
    said = terminal("verify", FORTH)
    assert "1 row may only be late" in said.err
    assert "ucrepl status" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--print"], "--print shows what --repair would do"),
        (["--limit", "0"], "--limit 0 shows nothing"),
    ],
)
def test_wrong_usage(terminal: Terminal, arguments: list[str], message: str) -> None:
    assert terminal.refused("verify", *arguments, code=2)[0] == message


def test_a_node_that_is_not_installed(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, installed=False)
    message, hint = Terminal(pair, tmp_path).refused("verify", FORTH, code=5)
    assert (message, hint) == ("ucrepl is not installed on node 'turin'", "run: ucrepl install")
