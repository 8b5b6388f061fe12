"""Records of tables whose rows are only recognised, which a module brings to the two sides one after the other."""

import pytest

from tests.integration.links import MakePair, Pair, part_ids

TABLES = """
    CREATE TABLE res_users (id serial PRIMARY KEY, login text UNIQUE, action_id int);
    CREATE TABLE ir_module_category (id serial PRIMARY KEY, name text);
    CREATE TABLE res_groups (
        id serial PRIMARY KEY, name text, category_id int REFERENCES ir_module_category, UNIQUE (category_id, name)
    );
    CREATE TABLE res_groups_users_rel (
        gid int REFERENCES res_groups ON DELETE CASCADE, uid int REFERENCES res_users ON DELETE CASCADE,
        PRIMARY KEY (gid, uid)
    );
    CREATE TABLE ir_model (id serial PRIMARY KEY, model text UNIQUE);
    CREATE TABLE mail_activity (
        id serial PRIMARY KEY, res_model_id int NOT NULL REFERENCES ir_model, res_model text, res_id int, note text
    );
    CREATE TABLE ir_mail_server (id serial PRIMARY KEY, name text);
    CREATE TABLE mail_message (
        id serial PRIMARY KEY, subject text, model text, res_id int, mail_server_id int REFERENCES ir_mail_server
    );
    CREATE TABLE ir_model_data (
        id serial PRIMARY KEY, module text, name text, model text, res_id int, UNIQUE (module, name)
    );
    INSERT INTO res_users (login) VALUES ('ann'), ('bob');
    INSERT INTO res_groups (name) VALUES ('staff');
    INSERT INTO ir_model (model) VALUES ('res.users'), ('res.groups');
"""
MEMBERS = (
    "SELECT g.name, u.login FROM res_groups_users_rel AS r JOIN res_groups AS g ON g.id = r.gid"
    " JOIN res_users AS u ON u.id = r.uid ORDER BY 1, 2"
)
GROUP = """
    WITH made AS (INSERT INTO res_groups (name) VALUES ('{0}') RETURNING id)
    INSERT INTO ir_model_data (module, name, model, res_id) SELECT 'mod', '{1}', 'res.groups', id FROM made
"""
JOIN = (
    "INSERT INTO res_groups_users_rel SELECT g.id, u.id FROM res_groups AS g, res_users AS u"
    " WHERE g.name = '{0}' AND u.login = '{1}'"
)


@pytest.fixture(params=["remap", "shared"])
def pair(request: pytest.FixtureRequest, make_pair: MakePair) -> Pair:
    """Two clones, paired, in which further records have other ids on either side."""
    rules = [{"table": table, "action": "protect"} for table in ("res_groups", "ir_module_category")]
    pair = make_pair(TABLES, ids=request.param, policy="cluster", rules=rules)
    pair.seed_both()
    if request.param == "shared":
        pair.share()
    part_ids(pair, *(f"{t}_id_seq" for t in ("res_groups", "ir_model_data", "ir_module_category", "ir_mail_server")))
    pair.settle()
    return pair


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_group_that_a_module_brings_to_both_sides_one_after_the_other(pair: Pair, first: str) -> None:
    one, other = (pair.a, pair.b) if first == "a" else (pair.b, pair.a)
    one.run(GROUP.format("Officer", "officer"))
    pair.settle()
    other.run(GROUP.format("Officer, as it is called here", "officer"))
    pair.settle()
    for side, user in ((pair.a, 1), (pair.b, 2)):
        side.run("INSERT INTO res_groups_users_rel SELECT id, %s FROM res_groups WHERE starts_with(name, 'Off')", user)
        pair.settle()
    members = "SELECT left(g.name, 7), r.uid FROM res_groups_users_rel AS r JOIN res_groups AS g ON g.id = r.gid"
    assert pair.assert_same(f"{members} ORDER BY 2") == [("Officer", 1), ("Officer", 2)]
    pair.a.run("DELETE FROM res_groups_users_rel WHERE uid = 2")
    pair.settle()
    assert pair.assert_same(members) == [("Officer", 1)]
    assert [*pair.a.parked(), *pair.b.parked()] == []


def test_a_group_and_its_first_member_come_in_one_batch(pair: Pair) -> None:
    pair.b.run(GROUP.format("Officer", "officer"))
    pair.a.run("BEGIN; " + GROUP.format("Chef", "officer") + "; " + JOIN.format("Chef", "bob") + "; COMMIT")
    pair.settle()
    assert pair.a.rows(MEMBERS) == [("Chef", "bob")]
    assert pair.b.rows(MEMBERS) == [("Officer", "bob")]


def test_a_group_is_recognised_by_what_its_unique_index_says(pair: Pair) -> None:
    made = (
        "WITH c AS (INSERT INTO ir_module_category (name) VALUES ('Sales') RETURNING id)"
        " INSERT INTO res_groups (name, category_id) SELECT 'Officer', id FROM c"
    )
    pair.a.run(made)
    pair.settle()
    pair.b.run("INSERT INTO res_groups (name) VALUES ('Officer')")  # another one: it is in no category
    pair.b.run(made)
    pair.a.run(JOIN.format("Officer", "ann"))
    pair.settle()
    of_category = MEMBERS.replace("u.login", "u.login, g.category_id IS NOT NULL")
    assert pair.assert_same(of_category) == [("Officer", "ann", True)]


def test_strangers_are_looked_for_when_the_link_opens(pair: Pair) -> None:
    pair.a.run(GROUP.format("Officer", "officer"))
    pair.settle()
    pair.b.run(GROUP.format("Officer", "officer"))
    pair.close_links()
    pair.settle()
    pair.b.run(JOIN.format("Officer", "ann"))
    pair.back()
    assert pair.a.rows(MEMBERS) == [("Officer", "ann")]
    [(remote, local)] = [p for p in pair.b.pairs("res_groups") if p[0] > 1]
    assert (remote, local) == (
        pair.a.value("SELECT id FROM res_groups WHERE name = 'Officer'"),
        pair.b.value("SELECT id FROM res_groups WHERE name = 'Officer'"),
    )


def test_what_needs_a_model_that_comes_later_is_not_parked_for_good(pair: Pair) -> None:
    pair.a.run("INSERT INTO ir_model (model) VALUES ('sale.order')")
    pair.a.run("INSERT INTO mail_activity (res_model_id, note) SELECT max(id), 'call' FROM ir_model")
    pair.forth()
    assert [(p.table, p.reason) for p in pair.b.parked()] == [("mail_activity", "unresolved")]
    pair.b.run("INSERT INTO ir_model (id, model) VALUES (500, 'sale.order')")
    assert pair.retry().parked == 0
    assert pair.b.rows("SELECT res_model_id, note FROM mail_activity") == [(500, "call")]


def test_nothing_is_asked_where_all_is_known(pair: Pair) -> None:
    pair.settle()
    for direction in (0, 1):
        inquirer = pair.replayer(direction).inquirer
        assert (inquirer.strangers, inquirer.has_looked) == (set(), True)
    pair.a.run(GROUP.format("Officer", "officer"))
    pair.settle()
    number = pair.b.value("SELECT table_id FROM ucrepl.table_name WHERE table_name = 'res_groups'")
    assert pair.replayer().inquirer.strangers == {number}
    pair.b.run(GROUP.format("Officer", "officer"))
    pair.close_links()
    pair.settle()
    assert pair.replayer().inquirer.strangers == set()
