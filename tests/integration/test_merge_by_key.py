"""Columns that hold several values, each under a key: both sides change them, and each key is settled by itself."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.links import BACK, FORTH, Conflict, MakePair, Pair
from tests.support.odoo_tables import ODOO_TABLES, add_fields, move_ids_apart
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify import Options, TableReport, verify_link

ITEM = "CREATE TABLE item (id serial PRIMARY KEY, ref text UNIQUE, name jsonb, note text)"
BY_KEY = {"table": "item", "merge": {"name": "keys"}}


def prepared(make_pair: MakePair, name: str | None, **configuration: Any) -> Pair:  # noqa: ANN401
    """One record with this name on both sides, under different ids."""
    pair = make_pair(ITEM, rules=[BY_KEY], **configuration)
    pair.b.run("SELECT setval('item_id_seq', 1000)")
    pair.a.run("INSERT INTO item (ref, name) VALUES ('x', %s)", name)
    pair.settle()
    return pair


def change(side: Any, **keys: str | None) -> None:  # noqa: ANN401
    """Set keys of the name, or take them out."""
    for key, value in keys.items():
        if value is None:
            side.run("UPDATE item SET name = name - %s", key)
        else:
            side.run(
                "UPDATE item SET name = coalesce(name, '{}') || jsonb_build_object(%s::text, %s::text)", key, value
            )


def names(pair: Pair) -> Any:  # noqa: ANN401
    """The name, which is the same on both sides."""
    [(name,)] = pair.assert_same("SELECT name FROM item")
    return name


@pytest.mark.parametrize("order", [(FORTH, BACK), (BACK, FORTH)])
def test_each_key_is_settled_by_itself(make_pair: MakePair, order: tuple[int, int]) -> None:
    pair = prepared(make_pair, '{"en": "one", "fr": "un"}')

    def meet() -> Any:  # noqa: ANN401
        for direction in order:
            pair.drain(direction)
        pair.settle()
        return names(pair)

    # Different keys merge: one is changed, one added, one taken out.
    change(pair.a, en="ONE")
    change(pair.b, de="eins", fr=None)
    assert meet() == {"en": "ONE", "de": "eins"}
    pair.assert_clean()

    # Of one key the later change wins, whichever other keys were changed in between.
    change(pair.a, en="of a", de="early on a")
    change(pair.b, en="of b", it="uno")
    change(pair.a, de="later on a")
    change(pair.b, de="latest on b", es="uno")
    change(pair.a, es="later on a")
    assert meet() == {"en": "of b", "de": "latest on b", "it": "uno", "es": "later on a"}
    assert {(c.column, c.old, c.source, c.target, c.winner) for c in pair.b.conflicts()} == {
        ("name[en]", '"ONE"', '"of a"', '"of b"', "target"),
        ("name[de]", '"eins"', '"later on a"', '"latest on b"', "target"),
        ("name[es]", None, '"later on a"', '"uno"', "source"),
    }
    assert {(c.column, c.winner) for c in pair.a.conflicts()} == {
        ("name[en]", "source"), ("name[de]", "source"), ("name[es]", "target"),
    }  # fmt: skip

    # A key that goes and comes back to what it was is changed all the same, in one batch and in several.
    change(pair.b, en="for a moment")
    change(pair.a, en="before", it="due")
    change(pair.b, en="of b")
    assert meet() == {"en": "of b", "de": "latest on b", "it": "due", "es": "later on a"}
    change(pair.a, en="meanwhile")
    change(pair.b, fr="deux", en="for a moment")
    pair.back()
    change(pair.b, en="of b")
    assert meet()["en"] == "of b"
    change(pair.a, pt="um")
    change(pair.b, pt="um, here")
    change(pair.a, pt=None)
    assert "pt" not in meet()

    # Taken out on one side, changed on the other.
    change(pair.a, it=None, de="stays")
    change(pair.b, it="later", de=None)
    assert meet() == {"en": "of b", "es": "later on a", "fr": "deux", "it": "later"}


@pytest.mark.parametrize("order", [(FORTH, BACK), (BACK, FORTH)])
def test_nothing_and_an_object_without_keys(make_pair: MakePair, order: tuple[int, int]) -> None:
    pair = prepared(make_pair, None)
    set_to = "UPDATE item SET name = %s"
    cases: list[tuple[str | None, list[tuple[str, str | None]], Any]] = [
        (None, [("a", '{"en": "a"}'), ("b", '{"fr": "b"}')], {"en": "a", "fr": "b"}),
        (None, [("a", '{"en": "a"}'), ("b", '{"en": "b"}')], {"en": "b"}),
        (None, [("a", "{}")], {}),
        (None, [("a", "{}"), ("b", '{"en": "b"}')], {"en": "b"}),
        ('{"en": "x"}', [("a", None)], None),
        ('{"en": "x"}', [("a", "{}")], {}),
        ('{"en": "x"}', [("a", None), ("b", "{}")], None),
        ('{"en": "x"}', [("a", "{}"), ("b", None)], None),
        ('{"en": "x"}', [("a", None), ("b", '{"en": "x", "fr": "b"}')], {"fr": "b"}),
        ('{"en": "x"}', [("a", None), ("b", '{"en": "y"}')], {"en": "y"}),
        ('{"en": "x"}', [("b", '{"en": "y"}'), ("a", None)], None),
        ('{"en": "x"}', [("a", "[1]")], [1]),
        ('{"en": "x"}', [("a", "[1]"), ("b", "[2]")], [2]),
        ('{"en": "x"}', [("a", "[1]"), ("b", '{"en": "x", "fr": "b"}')], {"fr": "b"}),
        ("[1]", [("a", '{"en": "a"}'), ("b", '"text"')], {"en": "a"}),
        ("{}", [("a", None), ("b", None), ("b", "{}")], {}),
    ]
    for before, changes, after in cases:
        pair.a.run("UPDATE item SET name = %s, note = clock_timestamp()::text", before)
        pair.settle()
        assert pair.assert_same("SELECT name::text FROM item") == [(before,)]
        for side, value in changes:
            (pair.a if side == "a" else pair.b).run(set_to, value)
        for direction in order:
            pair.drain(direction)
        pair.settle()
        assert names(pair) == after, (before, changes)
    assert [*pair.a.parked(), *pair.b.parked()] == []


def test_who_wins_by_policy_and_what_is_parked(make_pair: MakePair) -> None:
    pair = prepared(make_pair, '{"en": "one", "fr": "un"}', both_ways=False, conflicts="source")
    for policy in ("source", "target", "park"):
        pair.configure(rules=[BY_KEY], both_ways=False, conflicts=policy)
        pair.a.run("UPDATE item SET name = %s", f'{{"en": "one", "fr": "un", "was": "{policy}"}}')
        pair.forth()
        change(pair.b, en="of b", de="eins")
        change(pair.a, en="of a", it="uno")
        pair.a.run("UPDATE item SET note = %s", policy)
        pair.forth()
        [(name, note)] = pair.b.rows("SELECT name, note FROM item")
        if policy == "park":
            assert name["en"] == "of b"
            assert "it" not in name
            [parked] = pair.b.parked()
            assert (parked.reason, parked.message) == ("conflict", "both sides changed name[en]")
            change(pair.b, en="one")  # settled by hand
            pair.retry()
            [(name, note)] = pair.b.rows("SELECT name, note FROM item")
        assert name["en"] == ("of b" if policy == "target" else "of a")
        assert (name["de"], name["it"], name["fr"], note) == ("eins", "uno", "un", policy)
        pair.b.run("UPDATE item SET name = %s", f'{{"en": "of a", "fr": "un", "it": "uno", "was": "{policy}"}}')
    assert {(c.column, c.winner) for c in pair.b.conflicts()} == {
        ("name[en]", winner) for winner in ("source", "target", "parked")
    }


@pytest.fixture
def odoos(make_pair: MakePair) -> Pair:
    """A few of Odoo's tables, with other ids on b: two companies, three accounts, three analytic accounts."""
    pair = make_pair(f"{ODOO_TABLES} ALTER TABLE ir_model_fields ADD translate varchar;", installed=False)
    add_fields(pair)
    pair.run("INSERT INTO ir_model_fields (model, name, ttype, store, translate)"
             " VALUES ('res.company', 'report_footer', 'html', true, 'html_translate')")  # fmt: skip
    pair.install()
    move_ids_apart(pair)
    pair.seed_both()
    pair.a.run("INSERT INTO res_company (name) VALUES ('one'), ('two')")
    pair.a.run("INSERT INTO account_account (code) VALUES ('100'), ('200'), ('300')")
    pair.a.run("INSERT INTO account_analytic_account (name) VALUES ('sales'), ('hall'), ('tour')")
    pair.settle()
    return pair


def known(pair: Pair, table: str) -> list[tuple[int, int]]:
    """The ids of the records of a table on a and on b, in the order in which they were made."""
    return sorted(pair.b.pairs(table))


def test_values_by_company(odoos: Pair) -> None:
    (one, one_b), (two, two_b) = known(odoos, "res_company")
    (cash, cash_b), (bank, bank_b), (_, post_b) = known(odoos, "account_account")
    odoos.a.run(
        "INSERT INTO res_partner (name, property_account_id, credit_limit) VALUES ('ann', %s, %s)",
        f'{{"{one}": {cash}, "{two}": {cash}}}',
        f'{{"{one}": 5}}',
    )
    odoos.settle()
    odoos.a.run("UPDATE res_partner SET property_account_id = %s", f'{{"{one}": {bank}, "{two}": {cash}}}')
    odoos.b.run(
        "UPDATE res_partner SET property_account_id = %s, credit_limit = %s",
        f'{{"{one_b}": {cash_b}, "{two_b}": {post_b}}}',
        f'{{"{one_b}": 5, "{two_b}": 7}}',
    )
    odoos.settle()
    read = "SELECT property_account_id, credit_limit FROM res_partner"
    post = odoos.a.value("SELECT max(id) FROM account_account")
    assert odoos.a.rows(read) == [({str(one): bank, str(two): post}, {str(one): 5, str(two): 7})]
    assert odoos.b.rows(read) == [({str(one_b): bank_b, str(two_b): post_b}, {str(one_b): 5, str(two_b): 7})]
    odoos.assert_clean()

    odoos.a.run("UPDATE res_partner SET property_account_id = %s", f'{{"{one}": {cash}, "{two}": {post}}}')
    odoos.b.run("UPDATE res_partner SET property_account_id = %s", f'{{"{two_b}": {post_b}}}')
    odoos.settle()
    assert odoos.b.rows(read)[0][0] == {str(two_b): post_b}
    assert odoos.a.rows(read)[0][0] == {str(two): post}
    removed = [
        Conflict("update", "res_partner", f"property_account_id[{one_b}]", str(bank_b), str(cash_b), None, "target")
    ]
    assert odoos.b.conflicts() == removed


def test_keys_that_the_source_cannot_know_stay(odoos: Pair) -> None:
    """A change that is none once it is translated is no change: nothing is wiped, and no conflict is logged."""
    (one, one_b), _ = known(odoos, "res_company")
    (cash, cash_b), *_ = known(odoos, "account_account")
    odoos.a.run("INSERT INTO res_partner (name, property_account_id) VALUES ('ann', %s)", f'{{"{one}": {cash}}}')
    odoos.settle()
    odoos.b.run("SET ucrepl.origin = 'x'")
    own = odoos.b.value("INSERT INTO res_company (name) VALUES ('own') RETURNING id")
    both = f'{{"{one_b}": {cash_b}, "{own}": {cash_b}}}'
    odoos.b.run("UPDATE res_partner SET property_account_id = %s", both)
    odoos.b.run("RESET ucrepl.origin")
    odoos.a.run("UPDATE res_partner SET name = 'bob', property_account_id = '{}'")
    odoos.a.run("UPDATE res_partner SET property_account_id = %s", f'{{"{one}": {cash}}}')
    odoos.forth()
    read = "SELECT name, property_account_id FROM res_partner"
    assert odoos.b.rows(read) == [("bob", {str(one_b): cash_b, str(own): cash_b})]
    odoos.a.run("UPDATE res_partner SET property_account_id = NULL")
    odoos.forth()
    assert odoos.b.rows(read) == [("bob", {str(own): cash_b})]
    odoos.assert_clean()


def test_analytic_accounts_and_translations(odoos: Pair) -> None:
    """Keys are compared once their ids are translated, several in one key too; html has its ids translated by key."""
    (sales, sales_b), (hall, hall_b), (tour, tour_b) = known(odoos, "account_analytic_account")
    odoos.a.run(
        "INSERT INTO account_move_line (name, analytic_distribution) VALUES ('x', %s)",
        f'{{"{sales},{hall}": 60, "{hall}": 40}}',
    )
    odoos.a.run("UPDATE res_company SET report_footer = %s", '{"en_US": "<p>one</p>", "fr_FR": "<p>un</p>"}')
    odoos.settle()
    partner = odoos.a.value("INSERT INTO res_partner (name) VALUES ('ann') RETURNING id")
    odoos.a.run("UPDATE account_move_line SET analytic_distribution = %s", f'{{"{sales},{hall}": 50, "{hall}": 40}}')
    odoos.a.run(
        "UPDATE res_company SET report_footer = jsonb_set(report_footer, '{en_US}', to_jsonb(%s::text))",
        f'<a data-oe-model="res.partner" data-oe-id="{partner}">',
    )
    odoos.b.run(
        "UPDATE account_move_line SET analytic_distribution = %s",
        f'{{"{sales_b},{hall_b}": 60, "{tour_b},{hall_b}": 40}}',
    )
    odoos.b.run('UPDATE res_company SET report_footer = report_footer || \'{"fr_FR": "<p>deux</p>"}\'')
    odoos.settle()
    read = "SELECT analytic_distribution FROM account_move_line"
    assert odoos.a.value(read) == {f"{sales},{hall}": 50, f"{tour},{hall}": 40}
    assert odoos.b.value(read) == {f"{sales_b},{hall_b}": 50, f"{tour_b},{hall_b}": 40}
    [(_, partner_b)] = known(odoos, "res_partner")
    for side, own in ((odoos.a, partner), (odoos.b, partner_b)):
        assert side.rows("SELECT DISTINCT report_footer FROM res_company") == [
            ({"en_US": f'<a data-oe-model="res.partner" data-oe-id="{own}">', "fr_FR": "<p>deux</p>"},)
        ]
    odoos.assert_clean()


def test_properties(odoos: Pair) -> None:
    (_, _), (bank, bank_b), _ = known(odoos, "account_account")
    definition = '[{"name": "a1", "type": "many2one", "comodel": "account.account"}, {"name": "b2", "type": "char"}]'
    odoos.a.run("INSERT INTO project_project (name, task_properties_definition) VALUES ('p', %s)", definition)
    odoos.a.run("INSERT INTO project_task (project_id, task_properties) SELECT id, %s FROM project_project",
                '{"a1": false, "b2": "old"}')  # fmt: skip
    odoos.settle()
    odoos.a.run("UPDATE project_task SET task_properties = %s", f'{{"a1": {bank}, "b2": "old"}}')
    odoos.b.run("UPDATE project_task SET task_properties = %s", '{"a1": false, "b2": "new"}')
    odoos.settle()
    assert odoos.a.value("SELECT task_properties FROM project_task") == {"a1": bank, "b2": "new"}
    assert odoos.b.value("SELECT task_properties FROM project_task") == {"a1": bank_b, "b2": "new"}
    odoos.assert_clean()


def test_one_value_where_a_rule_says_so(make_pair: MakePair) -> None:
    pair = make_pair(ITEM, rules=[{"table": "item", "merge": {"name": "whole"}}])
    pair.a.run("INSERT INTO item (ref, name) VALUES ('x', '{\"a\": 1}')")
    pair.settle()
    change(pair.a, b="of a")
    change(pair.b, c="of b")
    pair.settle()
    assert names(pair) == {"a": 1, "c": "of b"}
    assert [c.column for c in pair.b.conflicts()] == ["name"]


def test_protection_is_that_of_each_key(make_pair: MakePair) -> None:
    pair = prepared(make_pair, '{"en": "one", "fr": "un"}', both_ways=False)
    pair.configure(rules=[BY_KEY, {"table": "item", "protect": {"name": 1}}], both_ways=False)
    change(pair.a, en="", fr=None, de="eins")
    pair.forth()
    assert pair.b.value("SELECT name FROM item") == {"en": "one", "fr": "un", "de": "eins"}
    pair.a.run("UPDATE item SET name = NULL")
    pair.forth()
    assert pair.b.value("SELECT name FROM item") == {"en": "one", "fr": "un", "de": "eins"}
    pair.a.run('UPDATE item SET name = \'{"en": "ONE"}\'')
    pair.forth()
    assert pair.b.value("SELECT name FROM item") == {"en": "ONE", "fr": "un", "de": "eins"}

    pair.configure(rules=[BY_KEY, {"table": "item", "protect": {"name": 2}}], both_ways=False)
    pair.b.run('UPDATE item SET name = name || \'{"fr": ""}\'')
    change(pair.a, en="other", fr="deux", it="due")
    pair.forth()
    assert pair.b.value("SELECT name FROM item") == {"en": "ONE", "fr": "deux", "de": "eins", "it": "due"}

    pair.configure(rules=[BY_KEY, {"table": "item", "protect": {"name": 3}}], both_ways=False)
    change(pair.a, en="again", es="tres")
    pair.forth()
    assert pair.b.value("SELECT name FROM item") == {"en": "ONE", "fr": "deux", "de": "eins", "it": "due"}
    assert [*pair.b.conflicts(), *pair.b.parked()] == []


@pytest.mark.parametrize("order", [(FORTH, BACK), (BACK, FORTH)])
def test_records_that_are_recognised_as_one_are_merged(make_pair: MakePair, order: tuple[int, int]) -> None:
    pair = make_pair(ITEM, rules=[BY_KEY | {"keys": [["ref"]]}])
    pair.b.run("SELECT setval('item_id_seq', 1000)")
    pair.a.run('INSERT INTO item (ref, name) VALUES (\'x\', \'{"en": "of a", "fr": "un"}\'), (\'y\', NULL)')
    pair.b.run("INSERT INTO item (ref, name) VALUES ('x', '{\"en\": \"of b\", \"de\": \"eins\"}'), ('y', '{}')")
    pair.a.run("UPDATE item SET name = name || '{\"it\": \"uno\"}' WHERE ref = 'x'")
    for direction in order:
        pair.drain(direction)
    pair.settle()
    found = pair.assert_same("SELECT ref, name FROM item ORDER BY ref")
    assert found[0] == ("x", {"en": "of b", "fr": "un", "de": "eins", "it": "uno"})
    assert {(c.kind, c.column) for c in pair.b.conflicts()} == {("insert", "name[en]")}


def test_comparing_and_seeding_leave_alone_what_only_the_target_has(make_pair: MakePair) -> None:
    pair = prepared(make_pair, '{"en": "one", "fr": "un"}', both_ways=False)
    change(pair.b, de="eins")

    def compare(*, repair: bool = False) -> TableReport:
        options = Options(shown=9, patience_seconds=0, repair=repair)
        with Nodes(pair.config, "test") as nodes:
            [report] = verify_link(pair.config, pair.config.links[0], nodes, options)
        return report

    assert compare().different == 0
    pair.b.run("UPDATE item SET name = name - 'fr' || '{\"en\": \"lost\"}'")
    pair.close_links()
    report = compare(repair=True)
    assert (report.different, report.mended, report.failed) == (1, 1, 0)
    assert pair.b.value("SELECT name FROM item") == {"en": "one", "fr": "un", "de": "eins"}


def test_a_change_that_is_none_here_leaves_alone_what_is_here(make_pair: MakePair, tmp_path: Path) -> None:
    """Both references are of records that a rule leaves out; of one value all keys are."""
    ddl = """
        CREATE TABLE place (id serial PRIMARY KEY, name text);
        CREATE TABLE visit (id serial PRIMARY KEY, place_id int REFERENCES place, shares jsonb, note text)
    """
    rules = [{"table": "place", "skip": True}, {"table": "visit", "merge": {"shares": "whole"}}]
    pack = tmp_path / "own.yaml"
    pack.write_text(yaml.safe_dump({"references": {"visit": {"shares": {"kind": "object", "keys": "place"}}}}))
    pair = make_pair(ddl, rules=rules, packs=[str(pack)], both_ways=False)
    pair.run("INSERT INTO place (name) VALUES ('one'), ('two'), ('three')")
    pair.a.run("INSERT INTO visit (place_id, shares) VALUES (1, '{\"1\": 50}')")
    pair.forth()
    assert pair.b.rows("SELECT place_id, shares FROM visit") == [(None, {})]
    pair.b.run("UPDATE visit SET place_id = 3, shares = '{\"3\": 100}'")
    pair.a.run("UPDATE visit SET place_id = 2, shares = '{\"1\": 60, \"1,2\": 40}', note = 'new'")
    pair.forth()
    assert pair.b.rows("SELECT place_id, shares, note FROM visit") == [(3, {"3": 100}, "new")]
    assert [*pair.b.conflicts(), *pair.b.parked()] == []


@pytest.mark.parametrize("order", [(FORTH, BACK), (BACK, FORTH)])
def test_columns_that_every_write_changes_are_settled_without_a_conflict(
    make_pair: MakePair, order: tuple[int, int]
) -> None:
    ddl = """
        CREATE TABLE note (
            id serial PRIMARY KEY, a text, b text, write_date timestamp, write_uid int, changed_at timestamp,
            create_date timestamp
        )
    """
    pair = make_pair(ddl, rules=[{"table": "note", "stamps": ["changed_at"]}], conflicts="park")
    pair.a.run("INSERT INTO note (a, write_date, write_uid, changed_at) VALUES ('x', '2024-01-01', 1, '2024-01-01')")
    pair.settle()
    pair.a.run("UPDATE note SET a = 'of a', write_date = '2024-02-01', write_uid = 2, changed_at = '2024-02-01'")
    pair.b.run("UPDATE note SET b = 'of b', write_date = '2024-02-02', write_uid = 3, changed_at = '2024-02-02'")
    for direction in order:
        pair.drain(direction)
    pair.settle()
    found = pair.assert_same("SELECT a, b, write_date::date::text, write_uid, changed_at::date::text FROM note")
    assert found == [("of a", "of b", "2024-02-02", 3, "2024-02-02")]
    pair.assert_clean()

    pair.configure(conflicts="park", rules=[{"table": "note", "conflicts": {"write_uid": "source"}}])
    pair.a.run("UPDATE note SET write_uid = 4, write_date = '2024-03-01'")
    pair.b.run("UPDATE note SET write_uid = 5, write_date = '2024-03-02'")
    pair.forth()
    assert [(c.column, c.winner) for c in pair.b.conflicts()] == [("write_uid", "source")]
    assert pair.b.parked() == []
