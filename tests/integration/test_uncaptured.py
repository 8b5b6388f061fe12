"""What the journal lacks is captured in another way, or told with the command that brings it."""

from pathlib import Path

import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import FORTH, Terminal
from tests.integration.workers import Log, working
from tests.support.waiting import wait_for

DOC = "CREATE TABLE doc (id serial PRIMARY KEY, name text, body text, data bytea)"
NOTE = "CREATE TABLE note (id serial PRIMARY KEY, body text)"
TAG = "CREATE TABLE tag (code text PRIMARY KEY, body text)"


def told(terminal: Terminal) -> list[str]:
    forth, _ = terminal("status", "--json").json["links"]
    sentences: list[str] = forth["to_resync"]
    return sentences


@pytest.mark.slow
def test_a_value_that_is_too_large_never_fails_the_writer(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(DOC)
    terminal = Terminal(pair, tmp_path)
    pair.a.run("INSERT INTO doc (name, body) VALUES ('one', repeat('x', 2000000)), ('two', 'small')")
    pair.forth()
    pair.a.run("UPDATE doc SET name = 'One', body = repeat('y', 300000000) WHERE id = 1")
    pair.a.run("UPDATE doc SET name = 'ONE' WHERE id = 1; UPDATE doc SET body = body || 'er' WHERE id = 2")
    pair.forth()
    names = "SELECT name FROM doc ORDER BY id"
    assert pair.assert_same(names) == [("ONE",), ("two",)]
    assert pair.b.value("SELECT body FROM doc WHERE id = 2") == "smaller"
    assert pair.b.value("SELECT left(body, 1) FROM doc WHERE id = 1") == "x"
    sentence = (
        "values were left out that make a change larger than 256 MB: 1 change of 'doc', the columns 'body' in the"
        " rows '1'"
    )
    remedy = f"run: ucrepl resync '{FORTH}' doc"
    assert told(terminal) == [f"{sentence}; {remedy}"]
    found = terminal("check", "--json", code=None).json["findings"]
    assert [(f["message"], f["remedy"]) for f in found if f["check"] == "journal"] == [(sentence, remedy)]
    terminal("resync", FORTH, "doc")
    assert pair.b.rows("SELECT left(body, 1), length(body) FROM doc WHERE id = 1") == [("y", 300000000)]
    assert told(terminal) == []
    pair.a.run("DELETE FROM doc")
    pair.forth()
    assert pair.assert_same(names) == []


@pytest.mark.parametrize("ddl", [NOTE, TAG], ids=["ids that each node gives", "a key of the row"])
def test_rows_from_before_the_triggers_are_brought(make_pair: MakePair, log: Log, ddl: str) -> None:
    pair = make_pair()
    table, columns = ("note", "(body)") if ddl is NOTE else ("tag", "(body, code)")
    values = "VALUES ('early')" if ddl is NOTE else "VALUES ('early', 'a')"
    with working(pair):
        wait_for(lambda: log("link opened"), what="the link")
        pair.run(ddl)
        if ddl is TAG:
            pair.b.run(f"INSERT INTO {table} {columns} {values}")  # the same row
        pair.a.run(f"INSERT INTO {table} {columns} {values}")
        wait_for(lambda: pair.b.column(f"SELECT body FROM {table}") == ["early"], what="the row")
        pair.a.run(f"UPDATE {table} SET body = 'late'")
        wait_for(lambda: pair.b.column(f"SELECT body FROM {table}") == ["late"], what="the change")
    pair.assert_clean()


def test_rows_of_both_sides_are_told_with_the_command_that_brings_them(
    make_pair: MakePair, log: Log, tmp_path: Path
) -> None:
    pair = make_pair(both_ways=False)
    with working(pair):
        wait_for(lambda: log("link opened"), what="the link")
        pair.b.run(NOTE + "; INSERT INTO note (body) VALUES ('of b')")
        pair.a.run(NOTE + "; INSERT INTO note (body) VALUES ('of a')")
        [line] = wait_for(lambda: log("the journal lacks changes"), what="the warning")
    assert line["changes"] == ["'note' has rows from before its triggers, which are not replicated"]
    assert line["hint"] == f"run: ucrepl resync '{FORTH}' note"
    pair.close_links()
    terminal = Terminal(pair, tmp_path)
    terminal("resync", FORTH, "note")
    assert pair.b.column("SELECT body FROM note ORDER BY 1") == ["of a", "of b"]
    assert terminal("status", "--json").json["links"][0]["to_resync"] == []


def test_an_installation_tells_of_rows_that_were_there_before(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(NOTE)
    pair.settle()
    pair.run(TAG + "; INSERT INTO tag VALUES ('a', 'early')")
    pair.install()
    terminal = Terminal(pair, tmp_path)
    assert told(terminal) == [
        f"'tag' has rows from before its triggers, which are not replicated; run: ucrepl resync '{FORTH}' tag"
    ]
    terminal("resync", FORTH, "tag")
    assert told(terminal) == []


def test_a_detached_partition_is_brought(make_pair: MakePair) -> None:
    ddl = """
        CREATE TABLE sale (id int, region text, amount int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
        CREATE TABLE sale_x PARTITION OF sale FOR VALUES IN ('x');
    """
    pair: Pair = make_pair(ddl)
    pair.a.run("INSERT INTO sale VALUES (1, 'x', 1), (2, 'x', 2)")
    with working(pair):
        wait_for(lambda: pair.b.value("SELECT count(*) FROM sale") == 2, what="the rows")
        pair.run("ALTER TABLE sale DETACH PARTITION sale_x")
        pair.a.run("INSERT INTO sale_x VALUES (3, 'x', 3); UPDATE sale_x SET amount = 20 WHERE id = 2")
        expected = [(1, 1), (2, 20), (3, 3)]
        wait_for(lambda: pair.b.rows("SELECT id, amount FROM sale_x ORDER BY 1") == expected, what="its rows")
    assert pair.b.value("SELECT count(*) FROM sale") == 0
