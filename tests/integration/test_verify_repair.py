"""`verify --repair`: what differs is mended by the rules, and what was mended is the same on both sides."""

import pytest

from tests.integration.links import FORTH, MakePair, Pair, part_ids
from tests.integration.test_verify import MORE, TABLES, unseen, verify
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify import Options, TableReport, verify_link

BACK = 1


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(TABLES)
    pair.seed_both()
    part_ids(pair, "country_id_seq", "partner_id_seq", "tag_id_seq", "mail_message_id_seq")
    pair.a.run(MORE.format("turin", 7))
    pair.b.run(MORE.format("milan", 8).replace(", 6 FROM", ", 1001 FROM"))
    pair.settle()
    return pair


def repair(pair: Pair, direction: int = FORTH) -> dict[str, TableReport]:
    with Nodes(pair.config, "test") as nodes:
        options = Options(shown=1000, patience_seconds=0.0, repair=True)
        reports = verify_link(pair.config, pair.config.links[direction], nodes, options)
    return {r.table: r for r in reports if r.differs or r.lagging}


def outcomes(reports: dict[str, TableReport]) -> dict[str, list[tuple[str, str | None]]]:
    return {table: [(row.action, row.outcome) for row in r.rows] for table, r in reports.items()}


def assert_in_step(pair: Pair) -> None:
    pair.settle()
    assert verify(pair, FORTH) == verify(pair, BACK) == {}
    pair.assert_clean()


def test_changed_values_become_those_of_the_source(pair: Pair) -> None:
    ours = pair.a.rows("SELECT name, credit, raw, country_id FROM partner WHERE id = 20")
    unseen(pair.b, "UPDATE partner SET name = 'x', credit = 1, raw = NULL, country_id = 1001 WHERE id = 20")
    assert outcomes(repair(pair)) == {"partner": [("update", "done")]}
    assert pair.b.rows("SELECT name, credit, raw, country_id FROM partner WHERE id = 20") == ours
    assert_in_step(pair)


def test_nothing_of_a_repair_is_captured(pair: Pair) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x' WHERE id = 20", "DELETE FROM partner_tag WHERE partner_id = 11")
    before = [*pair.a.journal(), *pair.b.journal()]
    repair(pair)
    assert [*pair.a.journal(), *pair.b.journal()] == before


def test_missing_records_come_with_all_that_they_refer_to(pair: Pair) -> None:
    # 10 is the parent of 20, that of 40, that of 80; and messages, tags and parameters refer to them
    unseen(
        pair.b,
        "DELETE FROM parameter WHERE partner_id IN (10, 20, 40, 80)",
        "UPDATE partner SET parent_id = NULL WHERE parent_id IN (10, 20, 40, 80)",
        "DELETE FROM partner WHERE id IN (10, 20, 40, 80)",
        "DELETE FROM tag WHERE name = 'turin'",
    )
    reports = repair(pair)
    assert reports["partner"].missing == 4
    assert all(r.mended == r.differs for r in reports.values())
    assert_in_step(pair)


def test_a_missing_record_without_a_pair_gets_an_id_of_the_target(pair: Pair) -> None:
    unseen(pair.a, "INSERT INTO partner (id, ref) VALUES (900, 'lost')")
    assert outcomes(repair(pair)) == {"partner": [("insert", "done")]}
    [theirs] = pair.b.column("SELECT id FROM partner WHERE ref = 'lost'")
    assert (900, theirs) in pair.b.pairs("partner")
    assert_in_step(pair)


def test_what_the_target_has_too_much_is_left_alone_and_goes_the_other_way(pair: Pair) -> None:
    unseen(
        pair.b, "INSERT INTO tag (id, name) VALUES (5000, 'new')", "INSERT INTO partner_tag VALUES (12, 9), (12, 5000)"
    )
    assert outcomes(repair(pair)) == {"tag": [("leave", None)], "partner_tag": [("leave", None)] * 2}
    assert pair.b.value("SELECT count(*) FROM tag WHERE id = 5000") == 1
    assert outcomes(repair(pair, BACK)) == {"tag": [("insert", "done")], "partner_tag": [("insert", "done")] * 2}
    assert_in_step(pair)


def test_what_the_target_has_too_much_is_deleted_where_no_link_leads_back(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, both_ways=False)
    pair.seed()
    unseen(pair.a, "DELETE FROM mail_message WHERE id = 3", "DELETE FROM partner_tag WHERE partner_id = 4")
    pair.b.run("INSERT INTO tag (name) VALUES ('own')")
    assert outcomes(repair(pair)) == {"mail_message": [("delete", "done")], "partner_tag": [("delete", "done")]}
    assert {name: (r.differs, r.own) for name, r in verify(pair).items()} == {"tag": (0, 1)}


def test_protected_columns_stay_as_they_are(pair: Pair) -> None:
    pair.configure(rules=[{"table": "partner", "protect": {"name": 3}}])
    unseen(pair.b, "UPDATE partner SET name = 'mine', rank = 7 WHERE id = 20")
    repair(pair)
    assert pair.b.rows("SELECT name, rank FROM partner WHERE id = 20") == [("mine", 0)]


@pytest.mark.parametrize("policy", ["latest", "target", "park"])
def test_the_source_wins_whatever_the_policy_is(pair: Pair, policy: str) -> None:
    pair.configure(conflicts=policy)
    unseen(pair.b, "UPDATE partner SET name = 'x', parent_id = 1005 WHERE id = 20")
    assert outcomes(repair(pair)) == {"partner": [("update", "done")]}
    assert_in_step(pair)


def test_what_the_target_refuses_is_told_and_nothing_waits_for_it(pair: Pair) -> None:
    pair.b.run("ALTER TABLE partner ADD CHECK (rank <> 7)")
    unseen(pair.a, "UPDATE partner SET rank = 7 WHERE id = 20", "UPDATE partner SET rank = 8 WHERE id = 21")
    report = repair(pair)["partner"]
    assert (report.mended, report.failed) == (1, 1)
    [refused] = [row.outcome for row in report.rows if row.key == "20"]
    assert refused is not None
    assert "check constraint" in refused
    assert pair.b.parked() == []
    assert pair.b.value("SELECT rank FROM partner WHERE id = 21") == 8


def test_what_waits_in_a_journal_is_not_mended(pair: Pair) -> None:
    pair.a.run("UPDATE partner SET name = 'late' WHERE id = 50")
    pair.b.run("UPDATE partner SET name = 'late, too' WHERE id = 51")
    report = repair(pair)["partner"]
    assert (report.lagging, report.differs) == (2, 0)
    assert pair.b.value("SELECT name FROM partner WHERE id = 51") == "late, too"
    assert_in_step(pair)


def test_a_parked_record_is_mended(pair: Pair) -> None:
    pair.b.run("ALTER TABLE partner ADD CONSTRAINT low CHECK (rank < 100)")
    pair.a.run("UPDATE partner SET rank = 100 WHERE id = 40; INSERT INTO partner (ref, rank) VALUES ('high', 101)")
    pair.forth()
    pair.b.run("ALTER TABLE partner DROP CONSTRAINT low")
    assert outcomes(repair(pair)) == {"partner": [("update", "done"), ("insert", "done")]}
    pair.retry()
    assert_in_step(pair)


def test_a_row_that_somebody_holds_is_waited_for(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    unseen(pair.b, "UPDATE partner SET name = 'x' WHERE id = 20")
    with pair.b.another() as user:
        user.execute("SELECT FROM public.partner WHERE id = 20 FOR UPDATE")
        tries: list[float] = []

        def give_way(seconds: float) -> None:
            tries.append(seconds)
            user.rollback()

        monkeypatch.setattr("ucrepl.link.verify.repair.time.sleep", give_way)
        assert outcomes(repair(pair)) == {"partner": [("update", "done")]}
    assert len(tries) == 1
    assert_in_step(pair)


def test_many_rows_are_mended_in_batches(make_pair: MakePair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ucrepl.link.verify.repair.BATCH_ROWS", 7)
    monkeypatch.setattr("ucrepl.link.verify.look.SLICE", 5)
    pair = make_pair(TABLES)
    pair.seed_both()
    unseen(pair.b, "DELETE FROM parameter", "DELETE FROM partner WHERE id > 3", "UPDATE tag SET name = NULL")
    reports = repair(pair)
    assert (reports["partner"].mended, reports["partner"].missing) == (97, 97)
    assert reports["partner_tag"].mended == 97
    assert_in_step(pair)
