"""Who may do what, in a cluster: groups, record rules and access rights, of users and of modules."""

from typing import Any

import pytest

from tests.integration.links import MakePair, Pair, Side, part_ids

RIGHTS = """
    CREATE TABLE ir_model (id serial PRIMARY KEY, model text UNIQUE, transient boolean);
    CREATE TABLE ir_model_fields (
        id serial PRIMARY KEY, model text, name text, ttype text, relation text, store boolean,
        company_dependent boolean
    );
    CREATE TABLE ir_model_data (id serial PRIMARY KEY, module text, name text, model text, res_id int);
    CREATE TABLE res_users (id serial PRIMARY KEY, login text UNIQUE);
    CREATE TABLE res_groups (id serial PRIMARY KEY, name text);
    CREATE TABLE res_groups_users_rel (
        gid int REFERENCES res_groups ON DELETE CASCADE, uid int REFERENCES res_users ON DELETE CASCADE,
        PRIMARY KEY (gid, uid)
    );
    CREATE TABLE res_groups_implied_rel (
        gid int REFERENCES res_groups ON DELETE CASCADE, hid int REFERENCES res_groups ON DELETE CASCADE,
        PRIMARY KEY (gid, hid)
    );
    CREATE TABLE ir_rule (
        id serial PRIMARY KEY, model_id int NOT NULL REFERENCES ir_model, name text, domain_force text
    );
    CREATE TABLE rule_group_rel (
        rule_group_id int REFERENCES ir_rule ON DELETE CASCADE, group_id int REFERENCES res_groups,
        PRIMARY KEY (rule_group_id, group_id)
    );
    CREATE TABLE ir_model_access (
        id serial PRIMARY KEY, model_id int NOT NULL REFERENCES ir_model, group_id int REFERENCES res_groups, name text,
        active boolean, perm_unlink boolean
    );
    INSERT INTO ir_model (id, model) VALUES (1, 'res.partner');
    INSERT INTO res_users VALUES (1, 'ada');
"""
MODULE = """
    INSERT INTO ir_model VALUES ({0}1, 'sale.order');
    INSERT INTO res_groups VALUES ({0}2, 'sales');
    INSERT INTO ir_rule VALUES ({0}3, {0}1, 'own orders', '[(1, ''='', 1)]');
    INSERT INTO rule_group_rel VALUES ({0}3, {0}2);
    INSERT INTO ir_model_access VALUES ({0}4, {0}1, {0}2, 'orders', true, false);
    INSERT INTO ir_model_data (module, name, model, res_id) VALUES
        ('sale', 'model_sale_order', 'ir.model', {0}1), ('sale', 'group', 'res.groups', {0}2),
        ('sale', 'rule', 'ir.rule', {0}3), ('sale', 'access', 'ir.model.access', {0}4);
"""
"""What the installation of a module writes, with ids that begin with a digit."""


@pytest.fixture
def rights(make_pair: MakePair) -> Pair:
    """Two nodes of a cluster, before the module `sale` is installed on them."""
    pair = make_pair(RIGHTS, policy="cluster")
    pair.seed()
    return pair


def run(side: Side, statements: str) -> None:
    """Several statements as one transaction, as Odoo does it."""
    with side.connection.transaction():
        side.run(statements)


def granted(side: Side) -> list[tuple[Any, ...]]:
    """Who may delete what."""
    return side.rows(
        "SELECT a.name, m.model, g.name, a.perm_unlink, a.active FROM ir_model_access AS a"
        " JOIN ir_model AS m ON m.id = a.model_id LEFT JOIN res_groups AS g ON g.id = a.group_id ORDER BY 1, 2"
    )


def ruled(side: Side) -> list[tuple[Any, ...]]:
    """The record rules with their groups."""
    return side.rows(
        "SELECT r.name, r.domain_force, array_agg(g.name ORDER BY g.name) FROM ir_rule AS r"
        " LEFT JOIN rule_group_rel AS l ON l.rule_group_id = r.id LEFT JOIN res_groups AS g ON g.id = l.group_id"
        " GROUP BY r.id ORDER BY 1, 2"
    )


def test_rights_that_a_user_makes_changes_or_deletes_hold_on_the_other_side(rights: Pair) -> None:
    part_ids(rights, "res_groups_id_seq", "ir_rule_id_seq", "ir_model_access_id_seq")
    run(
        rights.a,
        """
        INSERT INTO res_groups (name) VALUES ('auditors'), ('clerks');
        INSERT INTO res_groups_implied_rel VALUES (1, 2);
        INSERT INTO res_groups_users_rel VALUES (1, 1);
        INSERT INTO ir_rule (model_id, name, domain_force) VALUES (1, 'own', '[]');
        INSERT INTO rule_group_rel VALUES (1, 1);
        INSERT INTO ir_model_access (model_id, group_id, name, active, perm_unlink) VALUES (1, 1, 'all', true, true);
        INSERT INTO ir_model_data (module, name, model, res_id) VALUES ('__export__', 'g_1_ab', 'res.groups', 1);
        """,
    )
    rights.forth()
    assert granted(rights.b) == [("all", "res.partner", "auditors", True, True)]
    assert ruled(rights.b) == [("own", "[]", ["auditors"])]
    assert rights.b.rows(
        "SELECT g.name, h.name FROM res_groups_implied_rel AS i JOIN res_groups AS g ON g.id = i.gid"
        " JOIN res_groups AS h ON h.id = i.hid"
    ) == [("auditors", "clerks")]
    run(rights.b, "UPDATE ir_model_access SET perm_unlink = false; UPDATE ir_rule SET domain_force = '[(0, ''='', 1)]'")
    rights.back()
    assert granted(rights.a) == [("all", "res.partner", "auditors", False, True)]
    assert ruled(rights.a) == [("own", "[(0, '=', 1)]", ["auditors"])]
    run(
        rights.a, "DELETE FROM ir_model_access; DELETE FROM rule_group_rel; DELETE FROM ir_rule; DELETE FROM res_groups"
    )
    rights.forth()
    for table in ("ir_model_access", "ir_rule", "res_groups", "res_groups_users_rel"):
        assert rights.b.rows(f"SELECT FROM {table}") == []
    rights.assert_clean()


def test_a_rule_that_is_not_understood_shows_nothing(rights: Pair) -> None:
    run(rights.a, "INSERT INTO ir_rule (model_id, name, domain_force) VALUES (1, 'all', '[(1, ''='', 1)]')")
    rights.forth()
    assert [domain for _, domain, _ in ruled(rights.b)] == ["[(1, '=', 1)]"]
    run(rights.a, "UPDATE ir_rule SET domain_force = '[(''x_unknown'', ''in'', [7])]'")
    rights.forth()
    assert [domain for _, domain, _ in ruled(rights.b)] == ["[(0, '=', 1)]"]
    run(rights.a, "UPDATE ir_rule SET domain_force = '[(''create_uid'', ''='', user.id)]'")
    rights.forth()
    assert [domain for _, domain, _ in ruled(rights.b)] == ["[('create_uid', '=', user.id)]"]


def test_what_a_module_brings_is_found_and_its_changes_follow(rights: Pair) -> None:
    run(rights.a, MODULE.format(1))
    run(rights.a, "UPDATE ir_model_access SET perm_unlink = true; INSERT INTO res_groups_users_rel VALUES (12, 1)")
    rights.forth()
    run(rights.a, "UPDATE ir_rule SET domain_force = '[(0, ''='', 1)]'")
    rights.forth()
    assert granted(rights.b) == rights.b.rows("SELECT FROM res_groups") == rights.b.rows("SELECT FROM ir_rule") == []
    run(rights.b, MODULE.format(2))
    rights.back()
    rights.forth()
    rights.retry()
    for side in (rights.a, rights.b):
        assert granted(side) == [("orders", "sale.order", "sales", True, True)]
        assert ruled(side) == [("own orders", "[(0, '=', 1)]", ["sales"])]
        assert side.rows("SELECT g.name, uid FROM res_groups_users_rel JOIN res_groups AS g ON g.id = gid") == [
            ("sales", 1)
        ]
        assert side.rows("SELECT model, count(*) FROM ir_model_data GROUP BY 1 HAVING count(*) > 1") == []
    run(rights.b, "UPDATE ir_model_access SET active = false; DELETE FROM rule_group_rel")
    rights.back()
    assert granted(rights.a) == [("orders", "sale.order", "sales", True, False)]
    assert ruled(rights.a) == [("own orders", "[(0, '=', 1)]", [None])]
    rights.assert_clean()


@pytest.mark.parametrize("first", ["names", "records"])
def test_a_module_that_is_removed_on_one_side_takes_nothing_from_the_other(rights: Pair, first: str) -> None:
    run(rights.a, MODULE.format(1))
    run(rights.b, MODULE.format(2))
    rights.settle()
    rights.retry()
    before = (granted(rights.b), ruled(rights.b))
    records = "DELETE FROM ir_model_access; DELETE FROM rule_group_rel; DELETE FROM ir_rule; DELETE FROM res_groups"
    steps = ["DELETE FROM ir_model_data", records] if first == "names" else [records, "DELETE FROM ir_model_data"]
    run(rights.a, "; ".join(steps))
    rights.forth()
    assert granted(rights.b) == before[0]
    assert [name for name, *_ in ruled(rights.b)] == [name for name, *_ in before[1]]
    assert left_out(rights)["groups and rights"] >= 3


def left_out(pair: Pair) -> dict[str, int]:
    return dict(pair.b.rows("SELECT rule, rows FROM ucrepl.skipped"))
