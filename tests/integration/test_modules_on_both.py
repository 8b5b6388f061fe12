"""A module that is installed on both nodes: what it brings is the same on both, whatever the ids are."""

from pathlib import Path

import pytest

from tests.integration.links import MakePair, Pair, Side
from tests.integration.terminal import BACK, FORTH, Terminal
from tests.support.odoo import templates

SMALL = """
    CREATE TABLE res_users (id serial PRIMARY KEY, login text UNIQUE);
    CREATE TABLE ir_module_category (id serial PRIMARY KEY, name jsonb);
    CREATE TABLE ir_module_module (id serial PRIMARY KEY, name text UNIQUE, state text);
    CREATE TABLE res_groups (
        id serial PRIMARY KEY, name jsonb, category_id int REFERENCES ir_module_category, UNIQUE (category_id, name)
    );
    CREATE TABLE res_groups_users_rel (
        gid int REFERENCES res_groups ON DELETE CASCADE, uid int REFERENCES res_users ON DELETE CASCADE,
        PRIMARY KEY (gid, uid)
    );
    CREATE TABLE ir_model (id serial PRIMARY KEY, model text UNIQUE, "order" text, name jsonb);
    CREATE TABLE ir_ui_view (id serial PRIMARY KEY, name text, priority int, mode text);
    CREATE TABLE mail_template (id serial PRIMARY KEY, name jsonb);
    CREATE TABLE product_category (
        id serial PRIMARY KEY, name text, complete_name text, parent_id int REFERENCES product_category,
        parent_path text
    );
    CREATE TABLE ir_sequence (
        id serial PRIMARY KEY, name text, implementation text, number_next int, number_increment int, padding int
    );
    CREATE TABLE mail_message (id serial PRIMARY KEY, subject text, message_type text, model text, res_id int);
    CREATE TABLE ir_model_data (
        id serial PRIMARY KEY, module text, name text, model text, res_id int, UNIQUE (module, name)
    );
    INSERT INTO res_users (login) VALUES ('ann'), ('bob');
    INSERT INTO ir_model (model, name) VALUES ('res.users', '{}'), ('mail.template', '{}');
"""
TABLES = """
    CREATE TABLE x_stage (
        id serial PRIMARY KEY, name jsonb, sequence int, create_uid int REFERENCES res_users, create_date timestamp,
        write_date timestamp
    );
    CREATE TABLE x_priority (id serial PRIMARY KEY, name text, create_date timestamp, write_date timestamp);
    CREATE TABLE x_ticket (
        id serial PRIMARY KEY, name text, stage_id int REFERENCES x_stage, priority_id int REFERENCES x_priority,
        user_id int REFERENCES res_users, create_date timestamp, write_date timestamp
    );
"""
X_SEQUENCE = (
    "INSERT INTO ir_sequence (name, implementation, number_next, number_increment, padding)"
    " VALUES ('X', 'no_gap', 1, 1, 5)"
)
# What an Odoo writes when it installs a module: records in its own tables and in others, most with external ids.
RECORDS = (
    ("ir.module.category", "module_category_x", 'INSERT INTO ir_module_category (name) VALUES (\'{"en_US": "X"}\')'),
    (
        "res.groups",
        "group_x_user",
        'INSERT INTO res_groups (name, category_id) SELECT \'{"en_US": "User"}\', max(id) FROM ir_module_category',
    ),
    ("ir.model", "model_x_ticket", "INSERT INTO ir_model (model, \"order\", name) VALUES ('x.ticket', 'id', '{}')"),
    ("ir.ui.view", "x_view", "INSERT INTO ir_ui_view (name, priority, mode) VALUES ('x.ticket.form', 16, 'primary')"),
    ("mail.template", "x_template", 'INSERT INTO mail_template (name) VALUES (\'{"en_US": "Ticket"}\')'),
    (
        "product.category",
        "x_category",
        "INSERT INTO product_category (name, complete_name) VALUES ('Support', 'Support')",
    ),
    (
        "ir.sequence",
        "x_sequence",
        X_SEQUENCE,
    ),
    ("x.stage", "stage_new", 'INSERT INTO x_stage (name, sequence) VALUES (\'{"en_US": "New"}\', 1)'),
    ("x.stage", "stage_done", 'INSERT INTO x_stage (name, sequence) VALUES (\'{"en_US": "Done"}\', 2)'),
    (None, "", "INSERT INTO x_priority (name) VALUES ('low')"),
    (None, "", "INSERT INTO x_priority (name) VALUES ('high')"),
)
TICKETS = (
    "SELECT t.name, s.name ->> 'en_US', p.name FROM x_ticket AS t JOIN x_stage AS s ON s.id = t.stage_id"
    " JOIN x_priority AS p ON p.id = t.priority_id ORDER BY 1"
)


def install_module(side: Side) -> None:
    """Do what Odoo does, in one transaction. Each side does so at another time."""
    statements = [TABLES, "INSERT INTO ir_module_module (name, state) VALUES ('x_ticket', 'installed')"]
    for model, name, insert in RECORDS:
        table = insert.split()[2]
        statements.append(insert)
        if table.startswith("x_"):
            statements.append(f"UPDATE {table} SET create_date = now(), write_date = now() WHERE create_date IS NULL")
        if model == "product.category":
            statements.append("UPDATE product_category SET parent_path = id || '/' WHERE parent_path IS NULL")
        if model:
            statements.append(
                "INSERT INTO ir_model_data (module, name, model, res_id)"
                f" SELECT 'x_ticket', '{name}', '{model}', max(id) FROM {table}"
            )
    side.run(";".join(["BEGIN", *statements, "COMMIT"]))


def add_ticket(side: Side, name: str) -> None:
    side.run(
        "INSERT INTO x_ticket (name, stage_id, priority_id, user_id, create_date)"
        f" SELECT '{name}', s.id, p.id, 2, now() FROM x_stage AS s, x_priority AS p"
        " WHERE s.name ->> 'en_US' = 'Done' AND p.name = 'high'"
    )


def use(side: Side) -> None:
    """Refer to what the module has brought, in every way."""
    add_ticket(side, f"later on {side.name}")
    side.run(
        f"""
        INSERT INTO res_groups_users_rel
        SELECT d.res_id, {1 if side.name == "turin" else 2} FROM ir_model_data AS d WHERE d.name = 'group_x_user';
        INSERT INTO product_category (name, parent_id, parent_path)
        SELECT 'under {side.name}', d.res_id, d.res_id || '/' || currval('product_category_id_seq') + 4 || '/'
        FROM ir_model_data AS d WHERE d.name = 'x_category' AND d.module = 'x_ticket';
        UPDATE product_category SET parent_path = parent_id || '/' || id || '/' WHERE name = 'under {side.name}';
        INSERT INTO mail_message (subject, message_type, model, res_id)
        SELECT 'about {side.name}', 'comment', d.model, d.res_id FROM ir_model_data AS d
        WHERE d.module = 'x_ticket' AND d.name IN ('stage_new', 'x_category', 'x_template');
        """
    )


@pytest.mark.parametrize("ids", ["shared", "remap"])
def test_what_a_module_brings_to_both_is_the_same(ids: str, make_pair: MakePair, tmp_path: Path) -> None:
    install_and_use(make_pair(SMALL, ids=ids, policy="cluster"), ids, tmp_path)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("ids", ["shared", "remap"])
@pytest.mark.parametrize("template", [p for p in templates("odoo18") if "odoo18" in p.values])
def test_the_same_in_an_odoo(template: str, ids: str, make_pair: MakePair, tmp_path: Path) -> None:
    install_and_use(make_pair(template=template, ids=ids, policy="cluster"), ids, tmp_path)


def install_and_use(pair: Pair, ids: str, tmp_path: Path) -> None:
    pair.seed_both()
    if ids == "shared":
        pair.share()
    pair.settle()
    for side in (pair.a, pair.b):
        install_module(side)
        add_ticket(side, f"at once on {side.name}")  # before there is a trigger
    if ids == "remap":  # what bears no external id is known by its keys only
        pair.configure(rules=[{"table": "x_priority", "keys": [["name"]]}], ids=ids, policy="cluster")
    run_the_remedy(pair, ids, Terminal(pair, tmp_path))
    for side in (pair.a, pair.b):
        use(side)
    pair.a.run("UPDATE x_stage SET sequence = 10 WHERE name ->> 'en_US' = 'New'")
    pair.b.run("UPDATE x_stage SET sequence = 20 WHERE name ->> 'en_US' = 'Done'")
    pair.a.run("UPDATE x_ticket SET name = name || '!' WHERE name = 'at once on turin'")
    pair.settle()
    for direction in (0, 1):
        assert pair.retry(direction).parked == 0
    pair.settle()
    assert_same(pair)


def run_the_remedy(pair: Pair, ids: str, terminal: Terminal) -> None:
    """What docs/operations.md says is to be done, word for word."""
    pair.close_links()
    terminal("install")
    if ids == "shared":
        terminal("ids", "share")
    for link in (FORTH, BACK):
        terminal("resync", link, "x_ticket")


def assert_same(pair: Pair) -> None:
    assert [*pair.a.parked(), *pair.b.parked()] == []
    names = [(row[0], row[1], row[2]) for row in pair.assert_same(TICKETS)]
    assert names == [
        ("at once on milan", "Done", "high"), ("at once on turin!", "Done", "high"),
        ("later on milan", "Done", "high"), ("later on turin", "Done", "high"),
    ]  # fmt: skip
    assert pair.assert_same("SELECT name ->> 'en_US', sequence FROM x_stage ORDER BY 1") == [("Done", 20), ("New", 10)]
    members = (
        "SELECT r.uid FROM res_groups_users_rel AS r JOIN ir_model_data AS d ON d.res_id = r.gid"
        " WHERE d.name = 'group_x_user' ORDER BY 1"
    )
    assert pair.assert_same(members) == [(1,), (2,)]
    below = (
        "SELECT c.name, p.name, c.parent_path = p.parent_path || c.id || '/' FROM product_category AS c"
        " JOIN product_category AS p ON p.id = c.parent_id WHERE p.name = 'Support' ORDER BY 1"
    )
    assert pair.assert_same(below) == [("under milan", "Support", True), ("under turin", "Support", True)]
    messages = (
        "SELECT m.subject, d.name FROM mail_message AS m JOIN ir_model_data AS d ON d.model = m.model"
        " AND d.res_id = m.res_id AND d.module = 'x_ticket' WHERE m.subject LIKE 'about %' ORDER BY 1, 2"
    )
    assert len(pair.assert_same(messages)) == 6
    assert pair.assert_same("SELECT module, name FROM ir_model_data WHERE module = 'x_ticket' ORDER BY 2")
    for table in ("mail_template", "product_category", "ir_sequence", "x_stage", "x_priority", "x_ticket"):
        pair.assert_same(f"SELECT count(*) FROM {table}")
