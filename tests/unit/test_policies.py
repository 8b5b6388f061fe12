"""Policies: which rule counts for a table, its rows and its columns, and what is wrong with one."""

from pathlib import Path
from typing import Any

import pytest

from ucrepl.config import InvalidConfigError, Mode, Rule
from ucrepl.errors import ConfigError
from ucrepl.packs import Packs, PolicyRule, load_packs
from ucrepl.plan.catalog import Column, ForeignKey, Table, TableName
from ucrepl.plan.model import Protection
from ucrepl.plan.policy import Policies, Policy, leaves_out

ITEM = TableName("public", "item")


def policy(
    *packed: dict[str, Any], mode: Mode | None = "cluster", rules: tuple[Rule, ...] = (), transient: bool = False
) -> Policy:
    """What rules of a pack, and those of a configuration, say of the table `item`."""
    given = Packs(policies=tuple(PolicyRule.model_validate({"tables": ["item"], **rule}) for rule in packed))
    policies = Policies(rules, given, mode, frozenset({ITEM}) if transient else frozenset())
    columns = {name: Column(name, "text") for name in ("id", "name", "state", "secret")}
    return policies.of(table := Table(ITEM, columns, key=("id",), sequence="s"), table)


def test_the_first_rule_with_an_action_for_the_policy_counts() -> None:
    rules = (
        {"name": "one", "migrate": "skip"},
        {"name": "two", "cluster": "protect"},
        {"name": "three", "cluster": "skip"},
    )
    assert (policy(*rules).action, policy(*rules).rule) == ("protect", "two")
    assert (policy(*rules, mode="migrate").action, policy(*rules, mode="migrate").rule) == ("skip", "one")
    assert policy(*rules, mode="populate").rule == "one"
    assert policy(*rules, {"name": "four", "populate": "skip"}, mode="populate").rule == "one"
    assert policy({"name": "five", "migrate": "skip", "populate": "replicate"}, mode="populate").action == "replicate"
    assert (policy(*rules, mode=None).action, policy(*rules, mode=None).rule) == ("replicate", None)


def test_patterns_and_transient_tables() -> None:
    assert policy({"name": "all", "tables": ["i*m"], "cluster": "skip"}).skips
    assert not policy({"name": "others", "tables": ["i*n"], "cluster": "skip"}).skips
    wizards = {"name": "wizards", "tables": ["*"], "transient": True, "cluster": "skip"}
    assert not policy(wizards).skips
    assert policy(wizards, transient=True).skips


def test_rules_for_rows_come_before_the_one_for_all_of_them() -> None:
    some = {"name": "some", "where": "name = 'x'", "cluster": "skip"}
    found = policy(some, {"name": "all", "cluster": "replicate"}, {**some, "name": "too late"})
    assert [row.rule for row in found.rows] == ["some"]
    assert found.kept == 'CASE WHEN ("row"."name" = \'x\') THEN false ELSE true END'
    assert found.left_out == ("some",)
    only = policy({**some, "cluster": "replicate"}, {"name": "all", "cluster": "skip"})
    assert not only.skips
    assert only.kept == 'CASE WHEN ("row"."name" = \'x\') THEN true ELSE false END'
    assert policy(some, {"name": "all", "cluster": "skip"}).skips
    assert policy(some, {"name": "all", "cluster": "protect"}).protects


def test_a_condition_over_a_column_that_is_not_there_does_not_count() -> None:
    assert policy({"name": "some", "where": "other = 'x'", "cluster": "skip"}).rows == ()


@pytest.mark.parametrize("where", ["random() > 0.5", "name = ", "id IN (SELECT 1)"])
def test_a_condition_that_can_not_be(where: str) -> None:
    with pytest.raises(ConfigError):
        policy({"name": "some", "where": where, "cluster": "skip"})


def test_levels_add_up_column_by_column() -> None:
    found = policy(
        {"name": "one", "cluster": "replicate", "columns": {"name": 1}, "withhold": ["secret"]},
        {"name": "two", "cluster": "replicate", "columns": {"*": 3, "name": 2}},
        rules=(Rule(table="item", name="own", protect={"state": 4}),),
    )
    assert found.levels == {"name": (1, "one"), "state": (3, "two"), "secret": (3, "two")}
    assert [found.level(name) for name in ("name", "state")] == [Protection.NOT_EMPTY, Protection.COUNTER]
    assert found.withheld == {"secret": "one"}
    assert (
        policy({"name": "one", "cluster": "replicate", "withhold": ["secret"]}).level("secret") is Protection.NOT_EMPTY
    )


def test_of_a_protected_table_only_its_own_rule_opens_columns() -> None:
    rest = {"name": "rest", "cluster": "replicate", "columns": {"name": 1}}
    found = policy({"name": "one", "cluster": "protect", "columns": {"state": 4}}, rest)
    assert [found.level(name) for name in ("name", "state")] == [Protection.NEVER, Protection.COUNTER]
    assert policy(rest, rules=(Rule(table="item", action="protect"),)).level("name") is Protection.NEVER


def test_a_rule_of_the_configuration_stands_in_the_place_of_those_of_packs() -> None:
    packed = ({"name": "some", "where": "name = 'x'", "cluster": "skip"}, {"name": "all", "cluster": "protect"})
    found = policy(*packed, rules=(Rule(table="it*", name="own", action="replicate"),))
    assert (found.action, found.rule, found.overrides, found.rows) == ("replicate", "own", "some, all", ())
    [whole] = found.uses(Table(ITEM, {}))
    assert (whole.says, whole.rule, whole.overrides) == ("replicate", "own", "some, all")


@pytest.mark.parametrize(
    ("packed", "rules", "says"),
    [
        ([{"name": "ends", "tables": ["menu", "group"]}], (), ("protect", "ends")),
        ([{"name": "ends", "tables": ["menu"]}], (), ("replicate", "all")),
        ([{"name": "ends", "tables": ["menu"]}], (Rule(table="group", action="protect"),), ("protect", "ends")),
        (
            [{"name": "ends", "tables": ["menu", "group"]}],
            (Rule(table="menu", action="replicate"),),
            ("replicate", "all"),
        ),
        (
            [
                {"name": "links", "tables": ["menu_*"], "cluster": "replicate"},
                {"name": "ends", "tables": ["menu", "group"]},
            ],
            (),
            ("replicate", "links"),
        ),
    ],
)
def test_links_between_records_that_are_protected_are_protected_too(
    packed: list[dict[str, Any]], rules: tuple[Rule, ...], says: tuple[str, str]
) -> None:
    packed = [*packed, {"name": "all", "tables": ["*"], "cluster": "replicate"}]
    given = Packs(policies=tuple(PolicyRule.model_validate({"cluster": "protect", **rule}) for rule in packed))
    key = ("menu_id", "gid")
    ends = [
        ForeignKey((column,), TableName("public", name), ("id",))
        for column, name in zip(key, ("menu", "group"), strict=True)
    ]
    columns = {name: Column(name, "integer") for name in key}
    linked = Policies(rules, given, "cluster").of(
        Table(TableName("public", "menu_group_rel"), columns, key, foreign_keys=tuple(ends)), None
    )
    assert (linked.action, linked.rule) == says


@pytest.mark.parametrize(
    ("packed", "out"),
    [
        ({"cluster": "replicate"}, False),
        ({"cluster": "insert-only"}, False),
        ({"cluster": "protect"}, True),
        ({"cluster": "skip"}, True),
        ({"cluster": "skip", "where": "name = 'x'"}, True),
    ],
)
def test_what_leaves_rows_out(packed: dict[str, Any], *, out: bool) -> None:
    rule = PolicyRule.model_validate({"name": "r", "tables": ["*"], **packed})
    table = Table(ITEM, {"name": Column("name", "text")})
    assert leaves_out(Policies((), Packs(policies=(rule,)), "cluster"), table) is out


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{name: r, tables: [x]}", "the rule 'r' has no effect"),
        ("{name: r, tables: [], cluster: skip}", "must not be empty"),
        ("{tables: [x], cluster: skip}", "the key 'name' is missing"),
        ("{name: r, tables: [x], cluster: skp}", "'skp' is not one of"),
        ("{name: r, tables: [x], cluster: skip, columns: {a: 6}}", "'6' is too great"),
        ("{name: r, tables: [x], cluster: skip, where: a, columns: {a: 1}}", "is for single rows"),
        ("{name: r, tables: [x], cluster: insert-only, where: a}", "can't be 'insert-only'"),
        ("{name: r, tables: [x], cluster: skip, wher: a}", "unknown key 'wher'"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(tmp_path: Path, rule: str, problem: str) -> None:
    pack = tmp_path / "own.yaml"
    pack.write_text(f"policies:\n  - {rule}\n")
    with pytest.raises(InvalidConfigError, match=problem):
        load_packs((pack,))


def test_names_of_our_rules_are_told_apart() -> None:
    names = [(rule.name, rule.where) for rule in load_packs().policies]
    assert len(names) == len(set(names))
