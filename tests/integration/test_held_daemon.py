"""What has no place on the target, with a worker and with the command line: noticed, held, told, applied."""

from pathlib import Path
from signal import SIGKILL

import pytest

from tests.integration.links import MakePair, Pair, part_ids
from tests.integration.terminal import FORTH, Terminal
from tests.integration.workers import Log, working
from tests.support.cli import ucrepl
from tests.support.daemon import daemon_running
from tests.support.waiting import wait_for
from ucrepl.daemon.worker import State
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify import Options, verify_link

ITEM = "CREATE TABLE item (id serial PRIMARY KEY, name text)"
TASK = "CREATE TABLE task (id serial PRIMARY KEY, name text, item_id integer REFERENCES item)"
MODULES = """
    CREATE TABLE ir_module_module (id serial PRIMARY KEY, name text, state text, latest_version text);
    CREATE TABLE ir_model (id serial PRIMARY KEY, model text);
    CREATE TABLE ir_model_fields (
        id serial PRIMARY KEY, model text, name text, ttype text, relation text, store boolean
    );
    CREATE TABLE ir_model_data (id serial PRIMARY KEY, module text, name text, model text, res_id integer);
    CREATE TABLE ir_model_relation (id serial PRIMARY KEY, name text, module integer);
    INSERT INTO ir_module_module (name, state, latest_version) VALUES
        ('base', 'installed', '18.0.1.3'), ('loyalty', 'uninstalled', NULL), ('stock', 'installed', '18.0.1.0');
"""
INSTALLED = """
    UPDATE ir_module_module SET state = 'installed', latest_version = '18.0.1.0' WHERE name = 'loyalty';
    UPDATE ir_module_module SET latest_version = '18.0.1.1' WHERE name = 'stock';
    INSERT INTO ir_model (model) VALUES ('item'), ('task');
    INSERT INTO ir_model_fields (model, name) VALUES ('item', 'colour');
    INSERT INTO ir_model_relation (name, module) VALUES ('item_task_rel', 2);
    INSERT INTO ir_model_data (module, name, model, res_id) VALUES
        ('base', 'model_item', 'ir.model', 1), ('loyalty', 'model_task', 'ir.model', 2),
        ('stock', 'field_item_colour', 'ir.model.fields', 1);
"""
NO_REGISTRY = [{"table": "ir_*", "skip": True}]


def verified(pair: Pair) -> dict[str, tuple[int, int, int]]:
    """Of each table that differs, lags or is held: how many rows do."""
    with Nodes(pair.config, "test") as nodes:
        reports = verify_link(pair.config, pair.config.links[0], nodes, Options(patience_seconds=0))
    found = {r.table: (r.differs, r.lagging, r.held) for r in reports}
    return {table: numbers for table, numbers in found.items() if any(numbers)}


def test_a_module_is_installed_on_one_side_and_later_on_the_other(make_pair: MakePair, log: Log) -> None:
    pair = make_pair(ITEM)
    part_ids(pair, "item_id_seq")
    with working(pair):
        pair.a.run("INSERT INTO item (name) VALUES ('x')")
        wait_for(lambda: pair.b.column("SELECT name FROM item") == ["x"], what="the item")
        pair.a.run(f"{TASK}; INSERT INTO task (name, item_id) VALUES ('from the module', 1)")
        pair.a.run("ALTER TABLE item ADD colour interval; UPDATE item SET colour = '1 day'")
        wait_for(lambda: log("tables are new: their changes are captured"), what="the triggers")
        pair.a.run("INSERT INTO task (name) VALUES ('by a user'); UPDATE item SET name = 'y', colour = '2 days'")
        held = {("task", "I", "1"), ("task", "I", "2"), ("item", "C", "1")}
        wait_for(lambda: set(pair.b.held()) == held, what="what is held")
        assert pair.b.column("SELECT name FROM item") == ["y"]
        assert verified(pair) == {"item": (0, 0, 1), "task": (0, 0, 2)}
        told = "there is no place on 'milan' for the table 'task': "
        wait_for(lambda: any(told in "".join(line["reasons"]) for line in log("changes are held")), what="the warning")

        pair.b.run(f"{TASK}; ALTER TABLE item ADD colour interval")
        wait_for(lambda: not pair.b.held(), what="what was held to be applied")
        pair.a.run("UPDATE task SET name = name || '!'; UPDATE item SET colour = '3 days'")
        wait_for(lambda: pair.b.column("SELECT colour::text FROM item") == ["3 days"], what="the later change")
        wait_for(lambda: log("nothing is held any more"), what="the all-clear")
    assert verified(pair) == {}
    pair.assert_same(
        "SELECT t.name, i.name, i.colour FROM task AS t LEFT JOIN item AS i ON i.id = t.item_id ORDER BY 1"
    )
    pair.assert_clean()


@pytest.mark.long
def test_a_daemon_that_is_killed_again_and_again_neither_loses_nor_doubles_what_is_held(
    make_pair: MakePair, tmp_path: Path
) -> None:
    pair = make_pair(ITEM, installed=False, batch_rows=2, both_ways=False)
    pair.a.run(f"{TASK}; ALTER TABLE item ADD colour text")
    pair.install()
    config = Terminal(pair, tmp_path).path
    for number in range(1, 4):
        with daemon_running(config, f"holding {number}") as daemon:
            for row in range(100):
                pair.a.run("INSERT INTO task (name) VALUES (%s)", f"{number}.{row}")
                pair.a.run("INSERT INTO item (name, colour) VALUES ('x', %s)", f"{number}.{row}")
            pair.a.run("UPDATE task SET name = name || '!' WHERE id % 7 = 0; DELETE FROM task WHERE id % 11 = 0")
            daemon.end(SIGKILL)
    pair.b.run(f"{TASK}; ALTER TABLE item ADD colour text")
    rest = "SELECT count(*) FROM ucrepl.held"
    for number in range(4):
        before = pair.b.value(rest)
        with daemon_running(config, f"applying {number}") as daemon:
            wait_for(lambda: pair.b.value(rest) != before, what="a piece to be applied")  # noqa: B023 - called at once
            daemon.end(SIGKILL)
    ucrepl("run", "--drain", config=config)
    assert pair.b.held() == []
    assert len(pair.assert_same("SELECT name FROM task ORDER BY name")) == 273
    assert len(pair.assert_same("SELECT name, colour FROM item ORDER BY colour")) == 300
    pair.assert_clean()


def test_what_is_held_and_has_its_place_is_no_difference(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, installed=False)
    pair.a.run(f"{TASK}; ALTER TABLE item ADD colour text")
    pair.install()
    pair.a.run("INSERT INTO task (name) VALUES ('x'); INSERT INTO item (name, colour) VALUES ('x', 'red')")
    pair.forth()
    pair.close_links()
    pair.b.run(f"{TASK}; ALTER TABLE item ADD colour text")
    assert verified(pair) == {"item": (0, 1, 1), "task": (0, 1, 1)}
    pair.forth()
    assert verified(pair) == {}


def test_nothing_is_replayed_while_modules_are_installed_on_the_target(make_pair: MakePair, log: Log) -> None:
    pair = make_pair(f"{ITEM}; {MODULES}", rules=NO_REGISTRY)
    with working(pair) as worker:
        wait_for(lambda: log("link opened"), what="the link to be open")
        pair.b.run("UPDATE ir_module_module SET state = 'to install' WHERE name = 'loyalty'")
        wait_for(lambda: worker.state is State.WAITING, what="the worker to wait")
        pair.a.run("INSERT INTO item (name) VALUES ('x')")
        because = "modules are being installed, upgraded or removed on 'milan': 'loyalty'"
        assert pair.b.column("SELECT waits_for FROM ucrepl.link") == [because]
        assert [line["reason"] for line in log("nothing is replayed for a while")] == [because]
        assert worker.is_well()
        pair.b.run("ALTER TABLE item ADD colour text; UPDATE ir_module_module SET state = 'installed'")
        wait_for(lambda: pair.b.column("SELECT name FROM item") == ["x"], what="the item")
        wait_for(lambda: pair.b.column("SELECT waits_for FROM ucrepl.link") == [None], what="the end of the wait")
        assert len(log("link opened")) == 2


def test_a_link_need_not_wait_for_modules(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(f"{ITEM}; {MODULES}", rules=NO_REGISTRY, both_ways=False)
    pair.b.run("UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'base'")
    pair.a.run("INSERT INTO item (name) VALUES ('x')")
    message, _ = Terminal(pair, tmp_path).refused("run", "--drain", code=5)
    assert "modules are being installed, upgraded or removed on 'milan': 'base'" in message
    pair.configure(rules=NO_REGISTRY, both_ways=False, wait_for_modules=False)
    Terminal(pair, tmp_path)("run", "--drain")
    assert pair.b.column("SELECT name FROM item") == ["x"]


@pytest.fixture
def shop(make_pair: MakePair) -> Pair:
    """On turin two modules are newer than on milan, or not there at all, and what they bring is in use."""
    pair = make_pair(f"{ITEM}; {MODULES}", rules=NO_REGISTRY, both_ways=False, installed=False)
    pair.a.run(f"{TASK}; CREATE TABLE item_task_rel (item_id integer, task_id integer, PRIMARY KEY (item_id, task_id))")
    pair.a.run(f"ALTER TABLE item ADD colour text; {INSTALLED}")
    pair.install()
    pair.a.run("INSERT INTO item (name, colour) VALUES ('x', 'red'); INSERT INTO task (name) VALUES ('x'), ('y')")
    pair.a.run("INSERT INTO item_task_rel VALUES (1, 1)")
    pair.forth()
    pair.close_links()
    return pair


def test_it_is_told_which_module_is_missing_where(shop: Pair, tmp_path: Path) -> None:
    terminal = Terminal(shop, tmp_path)
    because = {
        "module 'loyalty' is installed on 'turin' and not on 'milan': 3 rows of 2 tables are held",
        "module 'stock' has version '18.0.1.1' on 'turin' and '18.0.1.0' on 'milan': 1 row of 1 table is held",
    }
    [link] = terminal("status", "--json").json["links"]
    assert (link["held"], link["held_tables"]) == (4, {"task": 2, "item": 1, "item_task_rel": 1})
    assert set(link["held_because"]) == because
    assert "module 'loyalty' is installed" in terminal("status").out + terminal("status").err
    findings = terminal("check", "--json").json["findings"]
    assert {f["message"] for f in findings if f["check"] == "held"} == because
    [modules] = [f["message"] for f in findings if f["check"] == "modules"]
    assert modules.startswith("2 modules not the same on both sides: ")
    listed = terminal("held", "list", "--json").json
    assert [(t["table"], t["rows"], t["columns"]) for t in listed["held"]] == [
        ("task", 2, None),
        ("item", 1, ["colour"]),
        ("item_task_rel", 1, None),
    ]
    assert "module 'loyalty'" in terminal("held", "list", FORTH).err
    assert terminal.refused("uninstall", "milan", code=5)[0].endswith("4 held changes that would be lost")


def test_what_is_held_can_be_given_up(shop: Pair, tmp_path: Path) -> None:
    terminal = Terminal(shop, tmp_path)
    assert "--all" in terminal.refused("held", "drop", FORTH, code=2)[0]
    assert terminal.refused("held", "drop", FORTH, "--table", "taks", code=2) == (
        "nothing is held of the table 'taks'",
        "did you mean 'task'?",
    )
    assert terminal("held", "drop", FORTH, "--table", "task").err == f"{FORTH}: 2 held changes given up\n"
    assert sorted(shop.b.held()) == [("item", "C", "1"), ("item_task_rel", "I", "{1,1}")]
    assert terminal("held", "drop", FORTH, "--all", "--json").json == {"dropped": 2}
    assert terminal("held", "list").err == "nothing is held\n"
    assert shop.b.rows("SELECT rule, rows FROM ucrepl.skipped WHERE rule = 'held drop'") == [("held drop", 4)]
