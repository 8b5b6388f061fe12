"""`parked` and `conflicts` on the command line."""

from pathlib import Path
from threading import Thread

import pytest
from psycopg.conninfo import make_conninfo

from tests.integration.links import BACK as BACKWARDS
from tests.integration.links import MakePair, Pair
from tests.integration.terminal import BACK, FORTH, Said, Terminal
from tests.support.waiting import wait_for

TABLES = "CREATE TABLE partner (id serial PRIMARY KEY, name text, size integer)"
PARKED = ["id", "link", "table", "operation", "key", "reason", "sqlstate", "message", "attempts"]
CONFLICT = ["id", "link", "kind", "table", "remote_key", "local_key", "column", "old_value", "source_value"]


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    """Milan refuses sizes of 100 and more; turin's record 1 got such a size, then a name."""
    pair = make_pair(TABLES)
    pair.a.run("INSERT INTO partner (name) VALUES ('one'), ('two')")
    pair.forth()
    pair.b.run("ALTER TABLE partner ADD CONSTRAINT small CHECK (size < 100)")
    pair.a.run("UPDATE partner SET size = 500 WHERE id = 1")
    pair.forth()
    pair.a.run("UPDATE partner SET name = 'One' WHERE id = 1")
    pair.forth()
    pair.close_links()
    return pair


@pytest.fixture
def terminal(pair: Pair, tmp_path: Path) -> Terminal:
    return Terminal(pair, tmp_path)


def ids(terminal: Terminal) -> list[str]:
    return [str(change["id"]) for change in terminal("parked", "list", "--json").json["parked"]]


def test_list(terminal: Terminal) -> None:
    printed = terminal("parked", "list", "--json").json
    assert printed["total"] == 2
    first, second = printed["parked"]
    assert list(first) == [*PARKED, "changed_at", "parked_at"]
    assert (first["link"], first["table"], first["operation"], first["key"]) == (FORTH, "partner", "update", "1")
    assert (first["reason"], first["sqlstate"], second["reason"]) == ("error", "23514", "queued")
    assert "small" in first["message"]
    title, *lines = terminal("parked", "list", FORTH).lines
    assert title.split()[:3] == ["id", "link", "table"]
    assert len(lines) == 2
    assert terminal("parked", "list", BACK).err == "nothing is parked\n"


def test_list_has_a_limit_and_says_so(terminal: Terminal) -> None:
    said = terminal("parked", "list", "--limit", "1")
    assert len(said.lines) == 2
    assert "1 more: ucrepl parked list --limit 2" in said.err
    assert terminal.refused("parked", "list", "--limit", "0", code=2)[0] == "--limit 0 shows nothing"


def test_list_of_nodes_of_which_one_is_gone(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path, turin=make_conninfo(pair.a.dsn, port="1"))
    said = terminal("parked", "list", "--json", code=4)
    assert len(said.json["parked"]) == 2
    assert said.err.startswith("error: node 'turin': can't connect")


def test_show(terminal: Terminal) -> None:
    first, _ = ids(terminal)
    said = terminal("parked", "show", first)
    assert said.lines[-1].split() == ["size", "-", "500"]
    assert "HINT: mend on the target what the message says" in said.err
    printed = terminal("parked", "show", first, "--json").json
    assert (printed["old"], printed["new"]) == ({"size": None}, {"size": "500"})
    assert printed["what_to_do"]


def test_retry_what_still_fails(terminal: Terminal) -> None:
    said = terminal("parked", "retry", "--all", code=3)
    assert "2 tried again, 2 still parked" in said.err
    assert [change["attempts"] for change in terminal("parked", "list", "--json").json["parked"]] == [2, 2]


def test_retry_what_was_mended(pair: Pair, terminal: Terminal) -> None:
    pair.b.run("ALTER TABLE partner DROP CONSTRAINT small")
    first, second = ids(terminal)
    said = terminal("parked", "retry", second, "--json", code=3)
    assert (said.json["tried"], said.json["parked"][0]["reason"]) == (1, "queued")
    assert terminal("parked", "retry", first).err == "1 tried again, 0 still parked\n"
    assert terminal("parked", "retry", "--all", "--link", FORTH).err == "1 tried again, 0 still parked\n"
    assert terminal("parked", "retry", "--all").err == "nothing is parked\n"
    assert pair.b.rows("SELECT name, size FROM partner WHERE id = 1") == [("One", 500)]
    assert terminal("status", "--json").json["links"][0]["applied"] == 4


def test_retry_waits_for_a_batch_that_a_daemon_applies(pair: Pair, terminal: Terminal) -> None:
    pair.b.run("ALTER TABLE partner DROP CONSTRAINT small")
    said: list[Said] = []
    with pair.b.another() as daemon:
        daemon.execute("SELECT FROM ucrepl.link WHERE name = %s FOR UPDATE", [FORTH])
        retry = Thread(target=lambda: said.append(terminal("parked", "retry", "--all")))
        retry.start()
        wait_for(
            lambda: pair.b.value("SELECT count(*) FROM pg_locks WHERE NOT granted"),
            what="the retry to wait for the position",
        )
        assert not said
    retry.join()
    assert said[0].err == "2 tried again, 0 still parked\n"


def test_skip_frees_what_is_queued_behind(pair: Pair, terminal: Terminal) -> None:
    first, second = ids(terminal)
    said = terminal("parked", "skip", first)
    assert said.err.startswith(f"1 skipped\nlater changes of the same records are parked, too: {second}\nHINT: ")
    assert ids(terminal) == [second]
    assert "0 still parked" in terminal("parked", "retry", second).err
    assert pair.b.rows("SELECT name, size FROM partner WHERE id = 1") == [("One", None)]
    forth = terminal("status", "--json").json["links"][0]
    assert (forth["skipped"], forth["parked"]) == (1, 0)
    assert pair.b.rows("SELECT rule, rows FROM ucrepl.skipped") == [("parked skip", 1)]


def test_what_was_skipped_stays_to_be_seen_but_not_to_be_tried(terminal: Terminal) -> None:
    first, second = ids(terminal)
    assert terminal("parked", "skip", first, second, "--json").json == {
        "skipped": [int(first), int(second)],
        "queued_behind": [],
    }
    assert "skipped at" in terminal("parked", "show", first).out
    for action in ("retry", "skip"):
        assert "was skipped on" in terminal.refused("parked", action, first, code=2)[0]


@pytest.mark.parametrize("action", ["show", "retry", "skip"])
def test_an_id_that_is_not_there(terminal: Terminal, action: str) -> None:
    message, hint = terminal.refused("parked", action, "999", code=2)
    assert (message, hint) == ("there is no parked change with the id 999", "to see all: ucrepl parked list")


def test_wrong_usage(terminal: Terminal) -> None:
    assert "either their ids, or --all" in terminal.refused("parked", "retry", code=2)[0]
    assert "either their ids, or --all" in terminal.refused("parked", "retry", "1", "--all", code=2)[0]
    assert "invalid int value: 'one'" in terminal.refused("parked", "show", "one", code=2)[0]
    assert terminal.refused("parked", "list", "turin-", code=2)[0] == "there is no link 'turin-'"


def test_an_id_that_both_nodes_have(pair: Pair, terminal: Terminal) -> None:
    pair.a.run("ALTER TABLE partner ADD CHECK (name <> 'Rome')")
    pair.b.run("UPDATE partner SET name = 'Rome' WHERE id = 2")
    pair.drain(BACKWARDS)
    pair.close_links()
    there = pair.b.value("SELECT min(parked_id) FROM ucrepl.parked")
    pair.a.run("ALTER TABLE ucrepl.parked ALTER parked_id SET GENERATED BY DEFAULT")
    pair.a.run("UPDATE ucrepl.parked SET parked_id = %s", there)
    message, hint = terminal.refused("parked", "show", str(there), code=2)
    assert message == f"'turin' and 'milan' have each a parked change with the id {there}"
    assert hint == f"say which is meant: --link '{BACK}' or --link '{FORTH}'"
    assert "'Rome'" in str(terminal("parked", "show", str(there), "--link", BACK, "--json").json["new"])


def test_parked_changes_of_a_link_that_is_no_more_are_listed(pair: Pair, tmp_path: Path) -> None:
    pair.configure(both_ways=True)
    terminal = Terminal(pair, tmp_path)
    text = terminal.path.read_text().replace("- from: turin\n  to: milan\n", "")
    terminal.path.write_text(text)
    first, _ = ids(terminal)
    message, hint = terminal.refused("parked", "retry", first, code=2)
    assert (message, hint) == (f"there is no link {FORTH!r}", f"known are {BACK}")


class TestConflicts:
    """Both sides change the name of record 2; the later one wins."""

    @pytest.fixture
    def pair(self, pair: Pair) -> Pair:
        pair.b.run("UPDATE partner SET name = 'zwei' WHERE id = 2")
        pair.a.run("UPDATE partner SET name = 'deux' WHERE id = 2")
        pair.forth()
        pair.close_links()
        return pair

    def test_list(self, terminal: Terminal) -> None:
        printed = terminal("conflicts", "list", "--json").json
        assert printed["total"] == 1
        [conflict] = printed["conflicts"]
        assert list(conflict) == [
            *CONFLICT,
            "target_value",
            "policy",
            "winner",
            "source_at",
            "target_at",
            "logged_at",
        ]
        assert (conflict["link"], conflict["column"], conflict["winner"]) == (FORTH, "name", "source")
        assert (conflict["source_value"], conflict["target_value"]) == ("deux", "zwei")
        assert len(terminal("conflicts", "list", FORTH).lines) == 2
        assert terminal("conflicts", "list", BACK).err == "there are no conflicts\n"

    def test_show(self, terminal: Terminal) -> None:
        [conflict] = terminal("conflicts", "list", "--json").json["conflicts"]
        lines = terminal("conflicts", "show", str(conflict["id"])).lines
        assert "old value     two" in lines
        assert terminal("conflicts", "show", str(conflict["id"]), "--json").json == conflict

    def test_bad_input(self, terminal: Terminal) -> None:
        message, hint = terminal.refused("conflicts", "show", "99", code=2)
        assert (message, hint) == ("there is no conflict with the id 99", "to see all: ucrepl conflicts list")
        assert terminal.refused("conflicts", "list", "--limit", "-3", code=2)[0] == "--limit -3 shows nothing"
        assert terminal.refused("conflicts", "list", "rome->milan", code=2)[0] == "there is no link 'rome->milan'"
