"""`plan` on the command line, and packs of users."""

from pathlib import Path

import psycopg
import pytest
import yaml

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import FORTH, Terminal
from tests.support.cli import ucrepl
from ucrepl.db.catalog import read_catalog
from ucrepl.link.planned import read_plan
from ucrepl.packs import load_packs
from ucrepl.plan.catalog import TableName
from ucrepl.plan.listing import statements

TABLES = """
    CREATE TABLE partner (id serial PRIMARY KEY, name text);
    CREATE TABLE task (id serial PRIMARY KEY, partner_id int REFERENCES partner, other_partner_id int, code_id int,
        about text, note text, per_partner jsonb, name jsonb);
    CREATE TABLE mail_activity (id serial PRIMARY KEY, res_model text, res_id int);
    INSERT INTO partner (name) VALUES ('ann'), ('bob');
    INSERT INTO task (partner_id, other_partner_id, code_id, about, note, per_partner, name)
    VALUES (1, 2, 77, 'some.partner,1', 'x,1', '{"1": "a"}', '{"en_US": "b"}'), (1, NULL, 78, '', 'y', NULL, NULL);
"""
PACK = """
references:
  task:
    other_partner_id: {kind: record, model: partner}
    per_partner: {kind: object, keys: partner}
    about: {kind: none}
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair(TABLES)


@pytest.fixture
def terminal(pair: Pair, tmp_path: Path) -> Terminal:
    return Terminal(pair, tmp_path)


def add_pack(terminal: Terminal, text: str) -> Path:
    """Names a pack, which lies beside the configuration, in it."""
    pack = terminal.path.parent / "own.yaml"
    pack.write_text(text)
    document = yaml.safe_load(terminal.path.read_text())
    terminal.path.write_text(yaml.safe_dump({**document, "packs": ["own.yaml"]}))
    load_packs.cache_clear()
    return pack


def test_references_and_where_they_are_known_from(terminal: Terminal) -> None:
    listed = [" ".join(line.split()) for line in terminal("plan", FORTH).lines]
    assert listed[0] == "table column kind refers to known from"
    assert listed[1].startswith("mail_activity res_id by_model res_model references.yaml:")
    assert listed[1].endswith(" references.mail_activity.res_id")
    assert listed[2:] == ["task partner_id record partner foreign key"]


def test_suspects(terminal: Terminal) -> None:
    said = terminal("plan", FORTH, "--suspects", "--json", code=1)
    assert [(s["table"], s["column"], s["looks_like"], s["values"]) for s in said.json["suspects"]] == [
        ("task", "about", "model,id", 1),
        ("task", "other_partner_id", "id of partner", 1),
        ("task", "per_partner", "ids in jsonb", 1),
    ]


def test_a_pack_of_the_user(pair: Pair, terminal: Terminal) -> None:
    add_pack(terminal, PACK)
    assert terminal("plan", FORTH, "--suspects").err == "no suspects\n"
    found = {
        r["column"]: r["known_from"] for r in terminal("plan", FORTH, "--json", "--table", "task").json["references"]
    }
    path = terminal.path.parent / "own.yaml"
    assert found["other_partner_id"] == f"{path}:4 references.task.other_partner_id"

    pair.b.run("SELECT setval('partner_id_seq', 1000)")
    pair.a.run("INSERT INTO partner (name) VALUES ('cid')")
    pair.a.run("INSERT INTO task (other_partner_id, per_partner) VALUES (3, '{\"3\": 3}')")
    ucrepl("run", "--drain", config=terminal.path)
    with psycopg.connect(pair.b.dsn) as connection:
        row = connection.execute("SELECT other_partner_id, per_partner FROM task ORDER BY id DESC LIMIT 1").fetchone()
    assert row == (1001, {"1001": 3})


def test_all_that_is_wrong_with_a_pack(terminal: Terminal) -> None:
    pack = add_pack(
        terminal,
        "references:\n  task:\n    a: {kind: recod}\n    b: {kind: record}\n    c: {kind: list, model: x, keys: y}\n"
        "    d: {kind: none, modl: x}\npatterns:\n  p: [{match: 'id', model: x}, {match: '({id})', model: x},"
        " {match: '{id}'}]\n",
    )
    said = terminal("plan", FORTH, code=2).err
    for line, words in (
        (3, "'recod' is not one of"), (4, "needs 'model'"), (5, "has no 'keys'"), (6, "unknown key 'modl'"),
        (8, "must have {id} once"), (8, "group that captures"), (8, "be given a 'model'"),
    ):  # fmt: skip
        assert any(f"{pack}:{line}:" in part and words in part for part in said.splitlines()), words
    pack.unlink()
    load_packs.cache_clear()
    assert "can't read the pack" in terminal("plan", FORTH, code=2).err


def test_the_statements_of_a_table_can_be_run(pair: Pair, terminal: Terminal) -> None:
    """What is shown is SQL that PostgreSQL understands."""
    text = terminal("plan", FORTH, "--sql", "--table", "task").out
    assert text.startswith("-- task: give ids to new records\nINSERT INTO ucrepl.identity")
    replayer = pair.replayer()
    with replayer.target.transaction(force_rollback=True):
        for statement in text.split(";\n\n"):
            replayer.target.execute(statement.encode())


def assert_shows_what_runs(pair: Pair, folder: Path) -> None:
    """The statements that are shown are those of the plan that replay has made."""
    plan = pair.replayer().applier.plan
    shown = Terminal(pair, folder)("plan", FORTH, "--sql", "--json").json["statements"]
    runs = [
        {"table": str(table.name), "purpose": purpose, "sql": sql}
        for table in sorted(plan.tables.values(), key=lambda t: str(t.name))
        for purpose, sql in statements(plan, table)
    ]
    assert shown == runs
    catalogs = read_catalog(pair.a.connection), read_catalog(pair.b.connection)
    assert read_plan(pair.config, pair.config.links[0], catalogs, (pair.a.connection, pair.b.connection)) == plan


def test_shared_ids_are_shown(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, ids="shared")
    pair.seed_both()
    pair.share()
    assert pair.replayer().applier.plan.shared_with
    assert_shows_what_runs(pair, tmp_path)


def test_the_columns_of_paired_plans_are_shown(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(
        "CREATE TABLE account_analytic_plan (id serial PRIMARY KEY, name text);"
        "CREATE TABLE account_analytic_line (id serial PRIMARY KEY, name text)",
    )
    pair.b.run("INSERT INTO account_analytic_plan (id, name) VALUES (70, 'of b')")
    pair.a.run("INSERT INTO account_analytic_plan (name) VALUES ('of a')")
    pair.b.run("SELECT setval('account_analytic_plan_id_seq', 70)")
    pair.forth()
    pair.a.run("ALTER TABLE account_analytic_line ADD x_plan1_id int")
    pair.b.run("ALTER TABLE account_analytic_line ADD x_plan71_id int")
    pair.close_links()
    assert pair.replayer().applier.plan.by_name[TableName("public", "account_analytic_line")].named_by_ids
    assert_shows_what_runs(pair, tmp_path)


def test_a_column_that_has_just_been_made_is_shown(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("INSERT INTO partner (name) VALUES ('cyd')")
    pair.run("ALTER TABLE partner ADD colour text DEFAULT 'red'")
    assert pair.replayer().applier.plan.fills
    assert_shows_what_runs(pair, tmp_path)


def test_a_table_that_is_not_there(terminal: Terminal) -> None:
    assert "no table 'tasc'" in terminal("plan", FORTH, "--table", "tasc", code=2).err
