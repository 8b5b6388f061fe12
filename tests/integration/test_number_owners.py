"""Journals and sequences without gaps: who may post and draw, and what becomes of a number that was given twice."""

from pathlib import Path

import psycopg
import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.offices import Offices
from tests.integration.terminal import BACK, FORTH
from tests.integration.workers import working
from tests.support.numbering import TABLES, UNIQUE_NAME, was_refused
from tests.support.waiting import wait_for

OWNERS = [
    {"table": "account_journal", "where": "code = 'BNK1'", "owner": "milan"},
    {"table": "account_journal", "owner": "turin"},
    {"table": "ir_sequence", "owner": "turin"},
]
POSTED = "SELECT name, journal_id, ref FROM account_move WHERE state = 'posted' ORDER BY name, ref"


def linked(pair: Pair, folder: Path) -> Offices:
    """The ids of milan differ, and the journals are known to be the same."""
    pair.b.run("SELECT setval('ir_sequence_id_seq', 1500), setval('account_move_id_seq', 300)")
    pair.seed_both()
    return Offices(pair, folder)


@pytest.fixture
def offices(make_pair: MakePair, tmp_path: Path) -> Offices:
    return linked(make_pair(TABLES), tmp_path)


@pytest.fixture(params=[pytest.param("", id="odoo14"), pytest.param(UNIQUE_NAME, id="odoo17", marks=pytest.mark.long)])
def of_version(request: pytest.FixtureRequest, make_pair: MakePair, tmp_path: Path) -> Offices:
    return linked(make_pair(TABLES + request.param), tmp_path)


def test_only_the_owner_posts(offices: Offices) -> None:
    pair = offices.pair
    offices.configure(owners=OWNERS)
    offices.terminal("install")
    draft = offices.milan.draft()
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation) as refused:
        offices.milan.post(draft, "INV/1")
    assert was_refused(refused.value) == "entries of the journal 'INV' are posted on 'turin' only"
    assert refused.value.diag.message_hint == "keep the draft, and post it there"
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        offices.turin.post_new("BNK1/1", "BNK1")
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        pair.b.run("INSERT INTO account_move (journal_id, state) VALUES (1, 'posted')")

    # the owner posts the draft, and what it posts comes through; others go on with what is posted
    pair.settle()
    offices.turin.post(dict(pair.a.pairs("account_move"))[draft], "INV/1")
    offices.milan.post_new("BNK1/1", "BNK1")
    offices.turin.post_new("INV/2")
    pair.settle()
    assert len(pair.assert_same(POSTED)) == 3
    pair.b.run("UPDATE account_move SET state = 'posted', ref = 'paid' WHERE name = 'INV/1'")
    pair.b.run("INSERT INTO account_journal (code) VALUES ('NEW')")
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="'NEW' are posted on 'turin'"):
        offices.milan.post_new("NEW/1", "NEW")
    pair.settle()
    pair.assert_clean()


def test_only_the_owner_draws_without_gaps(offices: Offices) -> None:
    pair = offices.pair
    gapless = offices.turin.make_sequence("Hashes", implementation="no_gap")
    pair.a.run(
        "INSERT INTO ir_sequence_date_range (date_from, date_to, sequence_id) VALUES ('2026-1-1', '2026-12-31', %s)",
        gapless,
    )
    orders = offices.turin.make_sequence("Orders")
    pair.settle()
    pair.close_links()
    offices.configure(owners=OWNERS)
    offices.terminal("install")
    assert [offices.turin.draw_without_gap(gapless) for _ in range(2)] == [1, 2]
    pair.settle()
    theirs = offices.on_milan(gapless)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation) as refused:
        offices.milan.draw_without_gap(theirs)
    assert was_refused(refused.value) == "numbers of the sequence 'Hashes' are given on 'turin' only"
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        pair.b.run("UPDATE ir_sequence_date_range SET number_next = 2")
    offices.milan.draw(offices.on_milan(orders))
    pair.b.run("UPDATE ir_sequence SET number_next = 4 WHERE name = 'Orders'")
    pair.b.run("UPDATE ir_sequence SET name = 'H' WHERE name = 'Hashes'")
    pair.settle()
    assert pair.assert_same("SELECT number_next FROM ir_sequence WHERE name = 'H'") == [(3,)]
    pair.assert_clean()


def test_a_new_journal_has_its_owner_at_once(offices: Offices) -> None:
    pair = offices.pair
    offices.configure(owners=OWNERS)
    offices.terminal("install")
    for side in (pair.a, pair.b):
        side.run("DELETE FROM account_move; DELETE FROM account_journal WHERE code = 'BNK1'")
    with pair.b.connection.transaction():
        pair.b.run("INSERT INTO account_journal (code) VALUES ('BNK1')")
        offices.milan.post_new("BNK1/1", "BNK1")
    pair.settle()
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="'BNK1' are posted on 'milan'"):
        offices.turin.post_new("BNK1/2", "BNK1")
    pair.a.run("UPDATE account_journal SET code = 'OLD' WHERE code = 'BNK1'")
    offices.turin.post_new("OLD/1", "OLD")
    pair.settle()
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="'OLD' are posted on 'turin'"):
        offices.milan.post_new("OLD/2", "OLD")
    pair.assert_clean()


def test_a_new_sequence_without_gaps_has_its_owner_at_once(offices: Offices) -> None:
    offices.configure(
        owners=[{"table": "ir_sequence", "where": "name like 'M%'", "owner": "milan"}, {**OWNERS[2], "owner": "turin"}]
    )
    offices.terminal("install")
    ours = offices.milan.make_sequence("M1", implementation="no_gap")
    theirs = offices.milan.make_sequence("T1", implementation="no_gap")
    assert offices.milan.draw_without_gap(ours) == 1
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="'T1' are given on 'turin'"):
        offices.milan.draw_without_gap(theirs)


def test_a_condition_that_can_not_be_looked_at_holds_for_nothing(offices: Offices) -> None:
    pair = offices.pair
    offices.configure(owners=[{"table": "account_journal", "where": "code = 'INV'", "owner": "turin"}])
    offices.terminal("install")
    pair.b.run("ALTER TABLE account_journal RENAME COLUMN code TO short_code")
    pair.b.run("INSERT INTO account_move (journal_id, state, name) VALUES (1, 'posted', 'INV/1')")
    pair.b.run("ALTER TABLE account_journal RENAME COLUMN short_code TO code")
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        offices.milan.post_new("INV/2")


def test_what_others_do_is_only_noted(offices: Offices) -> None:
    offices.configure(owners=OWNERS, elsewhere="report")
    offices.terminal("install")
    offices.milan.post_new("INV/1")
    offices.milan.post_new("BNK1/1", "BNK1")
    status = offices.status()
    assert (status["milan"]["noted"], status["milan"]["last_noted"]) == (1, "INV/1")
    assert status["turin"]["noted"] == 0
    said = offices.terminal("numbers", "status").err
    assert "milan: 1 number given that another node owns, the last one for 'INV/1'" in said

    offices.configure(owners=[])
    offices.terminal("install")
    assert offices.pair.b.rows("SELECT FROM pg_trigger WHERE tgname = 'ucrepl_owner'") == []


def test_a_trigger_that_is_gone_is_noticed_and_made_again(offices: Offices) -> None:
    pair = offices.pair
    offices.configure(owners=OWNERS)
    offices.terminal("install")
    pair.b.run("DROP TRIGGER ucrepl_owner ON account_move")
    pair.b.run("ALTER TABLE ir_sequence DISABLE TRIGGER ucrepl_owner")
    assert offices.status(code=1)["milan"]["triggers"] == ["account_move.ucrepl_owner", "ir_sequence.ucrepl_owner"]
    assert "triggers for document numbers are missing or disabled" in offices.terminal("check").out
    offices.terminal("install")
    assert offices.status()["milan"]["triggers"] == []


def test_the_daemon_sets_what_the_configuration_says(offices: Offices) -> None:
    from ucrepl.config import load_config

    offices.configure(owners=OWNERS)
    config = load_config(offices.terminal.path)
    offices.pair.config = config
    with working(offices.pair):
        wait_for(
            lambda: offices.pair.b.value("SELECT count(*) FROM ucrepl.number_triggers() WHERE is_there") == 3,
            20,
            "the triggers",
        )
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        offices.milan.post_new("INV/1")


def test_a_wrong_where(offices: Offices) -> None:
    offices.configure(owners=[{"table": "account_journal", "where": "cod = 'INV'", "owner": "turin"}])
    for command in (("install",), ("numbers", "status")):
        sentence, _ = offices.terminal.refused(*command, code=2)
        assert "numbers.owners of 'account_journal': " in sentence
        assert "cod" in sentence
    assert "error: turin->milan" not in offices.terminal("check", code=1).err


def test_a_number_that_was_given_twice_is_parked(of_version: Offices) -> None:
    """Neither is renumbered, nor taken for the other; what refers to it waits."""
    pair = of_version.pair
    draft = of_version.turin.draft()
    of_version.turin.post_new("INV/1")
    pair.settle()
    pair.assert_clean()
    ours = of_version.turin.post_new("INV/2")
    theirs = of_version.milan.post_new("INV/2")
    of_version.turin.post_new("INV/3")
    of_version.turin.post_new("INV/2", "BNK1")
    of_version.turin.post(draft, "INV/4")
    other = of_version.milan.post_new("INV/4")
    pair.a.run("UPDATE account_move SET ref = 'turin'")
    pair.settle()

    assert {(p.table, p.reason) for p in pair.b.parked()} == {
        ("account_move", "number"), ("account_move_line", "unresolved"),
    }  # fmt: skip
    [insert, update] = [p for p in pair.b.parked() if p.table == "account_move"]
    assert (insert.op, update.op) == ("U", "I") or (insert.op, update.op) == ("I", "U")
    assert {insert.message, update.message} == {
        f"the number INV/2 is that of another record of the same journal here: id {theirs}",
        f"the number INV/4 is that of another record of the same journal here: id {other}",
    }
    assert pair.a.column("SELECT name FROM account_move WHERE id = %s", ours) == ["INV/2"]
    assert pair.b.column("SELECT name FROM account_move WHERE id = %s", theirs) == ["INV/2"]
    assert theirs not in dict(pair.a.pairs("account_move")).values()
    assert pair.b.column("SELECT name FROM account_move WHERE name = 'INV/3'") == ["INV/3"]
    assert len(pair.b.rows("SELECT FROM account_move WHERE name = 'INV/2'")) == 2
    said = of_version.terminal("parked", "list", FORTH)
    assert "number" in said.out

    # one of them is set right by a person, where it was posted
    pair.close_links()
    pair.b.run("UPDATE account_move SET name = 'INV/9' WHERE id = %s", theirs)
    pair.b.run("UPDATE account_move SET name = 'INV/10' WHERE id = %s", other)
    pair.settle()
    pair.retry()
    pair.retry(1)
    assert pair.b.parked() == []


def test_numbers_that_change_places_are_no_collision(of_version: Offices) -> None:
    pair = of_version.pair
    one, two = of_version.turin.post_new("INV/1"), of_version.turin.post_new("INV/2")
    pair.settle()
    pair.a.run("UPDATE account_move SET name = 'INV/x' WHERE id = %s", one)
    pair.a.run("UPDATE account_move SET name = 'INV/1' WHERE id = %s", two)
    pair.a.run("UPDATE account_move SET name = 'INV/2' WHERE id = %s", one)
    pair.settle()
    pair.assert_same(POSTED)
    pair.assert_clean()


def test_what_two_writers_do(offices: Offices) -> None:
    """`check` names each kind, `plan` and `numbers status` all of it."""
    pair = offices.pair
    orders = offices.turin.make_sequence("Orders", prefix="SO", use_date_range=True)
    offices.turin.make_range(orders, 2026)
    gapless = offices.turin.make_sequence("Hashes", implementation="no_gap")
    pair.a.run("UPDATE account_journal SET secure_sequence_id = %s", gapless)
    offices.turin.post_new("INV/1")
    pair.settle()
    checked = offices.terminal("check").out
    assert "both ends give the same numbers: 1 standard ir.sequence, the most used first: 'Orders'" in checked
    assert "1 ir.sequence without gaps, the most used first: 'Hashes'" in checked
    assert "1 journal, the most used first: 'INV'" in checked
    assert checked.count("both ends give the same numbers") == 3
    found = {row["name"]: row for row in offices.status()["turin"]["numbered"]}
    assert found["Orders"]["date_ranges"] == 1
    assert (found["Hashes"]["used_by"], found["Hashes"]["documents"]) == ("account_journal.secure_sequence_id (2)", 2)
    assert (found["INV"]["kind"], found["INV"]["documents"], found["INV"]["prefix"]) == ("journal", 1, "INV/1")
    assert not any(row["safe"] for row in found.values())
    planned = offices.terminal("plan", FORTH, "--json").json["numbers"]
    assert [row["name"] for row in planned] == ["INV", "Hashes", "Orders"]
    assert "numbers interleave" in offices.terminal("plan", BACK).out

    offices.configure(owners=OWNERS)
    offices.terminal("install")
    offices.set("interleave")
    assert "the same numbers" not in offices.terminal("check").out
    found = {row["name"]: row for row in offices.status()["turin"]["numbered"]}
    assert all(row["safe"] and not row["options"] for row in found.values())
    assert "date range that both begin" in found["Orders"]["two_writers"]
    assert found["INV"]["two_writers"] == "given on 'turin' only, refused elsewhere"
