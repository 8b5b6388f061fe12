"""Policies of a link: what of an Odoo is replicated, left out and protected, and how it is shown."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.links import FORTH, MakePair, Pair, part_ids
from tests.integration.terminal import FORTH as LINK
from tests.integration.terminal import Terminal
from tests.integration.test_masks import assert_unseen, sent  # noqa: F401 - a fixture
from tests.integration.test_seed_copy import seed
from ucrepl.config import Config
from ucrepl.link.nodes import Nodes
from ucrepl.link.seed.subset import Wish, copy_subset
from ucrepl.link.verify import TableReport, verify_link

TABLES = """
    CREATE TABLE res_partner (
        id serial PRIMARY KEY, ref text, name text, signup_token text, customer_rank int, write_date timestamp
    );
    CREATE TABLE mail_message (id serial PRIMARY KEY, message_id text, model text, res_id int);
    CREATE TABLE mail_mail (
        id serial PRIMARY KEY, mail_message_id int NOT NULL REFERENCES mail_message, state text, body text
    );
    CREATE TABLE mail_notification (
        id serial PRIMARY KEY, mail_message_id int REFERENCES mail_message, res_partner_id int REFERENCES res_partner,
        mail_mail_id int REFERENCES mail_mail ON DELETE SET NULL
    );
    CREATE TABLE ir_cron (
        id serial PRIMARY KEY, cron_name text, nextcall timestamp, active boolean, UNIQUE (cron_name)
    );
    CREATE TABLE ir_config_parameter (id serial PRIMARY KEY, key text UNIQUE, value text);
    CREATE TABLE ir_mail_server (id serial PRIMARY KEY, name text UNIQUE, smtp_host text, smtp_pass text);
    CREATE TABLE res_company (id serial PRIMARY KEY, name text, email text);
    CREATE TABLE mailing_trace (id serial PRIMARY KEY, email text, opened boolean);
    CREATE TABLE ir_sequence (id serial PRIMARY KEY, code text UNIQUE, prefix text, number_next int);
    CREATE TABLE account_move (
        id serial PRIMARY KEY, ref text, company_id int REFERENCES res_company, server_id int REFERENCES ir_mail_server,
        cron_id int REFERENCES ir_cron
    );
    CREATE TABLE account_journal (id serial PRIMARY KEY, name text, company_id int NOT NULL REFERENCES res_company);
    CREATE TABLE res_groups (id serial PRIMARY KEY, name text UNIQUE);
    CREATE TABLE res_partner_groups_rel (
        partner_id int REFERENCES res_partner, gid int REFERENCES res_groups, PRIMARY KEY (partner_id, gid)
    );
    CREATE TABLE some_wizard (id serial PRIMARY KEY, name text);
    CREATE TABLE ir_model (id serial PRIMARY KEY, model text, transient boolean);
    INSERT INTO ir_model (model, transient) VALUES ('some.wizard', true), ('res.partner', false);
    INSERT INTO res_company (id, name, email) VALUES (1, 'Ours', 'old@example.com');
    INSERT INTO ir_sequence (code, prefix, number_next) VALUES ('so', 'S', 10);
    INSERT INTO res_groups (name) VALUES ('staff');
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return prepared(make_pair)


def prepared(make_pair: MakePair, **configuration: Any) -> Pair:  # noqa: ANN401
    """Two databases that were filled apart, and recognise each other's records."""
    pair = make_pair(TABLES, **{"both_ways": False, "policy": "cluster", **configuration})
    pair.run("SET client_min_messages = warning")
    pair.b.run("UPDATE res_company SET id = 8; UPDATE ir_sequence SET id = 9")
    part_ids(pair, "res_partner_id_seq", "mail_message_id_seq", "account_move_id_seq", "res_company_id_seq")
    pair.a.run("UPDATE ir_model SET id = id + 50")
    seed(pair)
    return pair


def verify(pair: Pair) -> dict[str, TableReport]:
    with Nodes(pair.config, "test") as nodes:
        return {report.table: report for report in verify_link(pair.config, pair.config.links[FORTH], nodes)}


def left_out(pair: Pair) -> dict[str, int]:
    return dict(pair.b.rows("SELECT rule, rows FROM ucrepl.skipped"))


def test_outgoing_mail_stays_where_it_is(pair: Pair, sent: list[bytes]) -> None:  # noqa: F811
    pair.a.run("INSERT INTO res_partner (name) VALUES ('Ada')")
    pair.a.run("INSERT INTO mail_message (message_id) VALUES ('m1')")
    pair.a.run("INSERT INTO mail_mail (mail_message_id, state, body) VALUES (1, 'outgoing', 'secret')")
    pair.a.run("INSERT INTO mail_notification (mail_message_id, res_partner_id, mail_mail_id) VALUES (1, 1, 1)")
    pair.forth()
    pair.a.run("UPDATE mail_mail SET state = 'sent', body = 'secret 2'; DELETE FROM mail_mail")
    pair.forth()
    assert pair.b.rows("SELECT state FROM mail_mail") == []
    assert pair.b.rows(
        "SELECT m.message_id, n.mail_mail_id FROM mail_notification n JOIN mail_message m ON m.id = n.mail_message_id"
    ) == [("m1", None)]
    assert left_out(pair)["outgoing mail"] >= 2
    assert_unseen(sent, b"m1")
    pair.assert_clean()


def test_no_cron_runs_because_of_us(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, both_ways=False, policy="cluster")
    pair.a.run("INSERT INTO ir_cron VALUES (1, 'digest', '2030-01-01', true)")
    pair.b.run("INSERT INTO ir_cron VALUES (7, 'digest', '2031-01-01', false)")
    seed(pair)
    pair.a.run("UPDATE ir_cron SET nextcall = '2030-02-02', active = true")
    pair.a.run("INSERT INTO ir_cron VALUES (2, 'only here', '2030-01-01', true)")
    pair.a.run("INSERT INTO account_move (ref, cron_id) VALUES ('known', 1), ('not known', 2)")
    pair.forth()
    pair.a.run("DELETE FROM account_move; DELETE FROM ir_cron")
    assert pair.b.rows("SELECT ref, cron_id FROM account_move ORDER BY id") == [("known", 7), ("not known", None)]
    pair.forth()
    assert pair.b.rows("SELECT id, cron_name, nextcall::date::text, active FROM ir_cron") == [
        (7, "digest", "2031-01-01", False)
    ]
    assert left_out(pair) == {"scheduler": 4}
    pair.assert_clean()


def test_no_secret_of_a_node_travels(pair: Pair, sent: list[bytes]) -> None:  # noqa: F811
    pair.b.run("INSERT INTO ir_config_parameter (key, value) VALUES ('database.secret', 'of b')")
    pair.b.run("INSERT INTO ir_mail_server (id, name, smtp_pass) VALUES (5, 'out', 'of b')")
    pair.a.run(
        "INSERT INTO ir_config_parameter (key, value) VALUES"
        " ('database.secret', 'secret 1'), ('database.uuid', 'secret 2'), ('x.api_key', 'secret 3'), ('y', 'open')"
    )
    pair.a.run("INSERT INTO ir_mail_server (name, smtp_host, smtp_pass) VALUES ('out', 'secret host', 'secret 4')")
    pair.a.run("INSERT INTO account_move (ref, server_id) VALUES ('R', 1)")
    pair.forth()
    pair.a.run("UPDATE ir_config_parameter SET value = 'secret 6' WHERE key <> 'y'")
    pair.a.run("UPDATE ir_config_parameter SET value = 'opened' WHERE key = 'y'")
    pair.a.run("UPDATE ir_mail_server SET smtp_pass = 'secret 7'")
    pair.forth()
    assert pair.b.rows("SELECT key, value FROM ir_config_parameter ORDER BY key") == [
        ("database.secret", "of b"),
        ("y", "opened"),
    ]
    assert pair.b.rows("SELECT id, smtp_host, smtp_pass FROM ir_mail_server") == [(5, None, "of b")]
    assert pair.b.rows("SELECT server_id FROM account_move") == [(5,)]
    found = verify(pair)
    assert (found["ir_config_parameter"].left_out, found["ir_config_parameter"].differs) == (3, 0)
    assert found["ir_mail_server"].not_compared == "protected by the rule 'mail servers'"
    assert [name for name, report in found.items() if report.differs] == []
    pair.a.run("DELETE FROM ir_config_parameter; DELETE FROM account_move; DELETE FROM ir_mail_server")
    pair.forth()
    assert pair.b.column("SELECT value FROM ir_config_parameter") == ["of b"]
    assert left_out(pair) == {"database secret": 3, "database identity": 3, "secret parameters": 3, "mail servers": 3}
    assert_unseen(sent, b"opened")
    pair.assert_clean()


@pytest.mark.parametrize("leads_back", [False, True])
def test_rows_of_the_target_that_a_rule_leaves_out_are_nobodys(make_pair: MakePair, *, leads_back: bool) -> None:
    pair = prepared(make_pair)
    if leads_back:  # without a policy: it would bring all rows of the target
        document = pair.config.model_dump(by_alias=True, exclude_unset=True)
        document["links"].append({"from": "milan", "to": "turin"})
        pair.config = Config.model_validate(document)
    pair.b.run(
        "SET ucrepl.origin = 'turin'; INSERT INTO ir_config_parameter (key, value) VALUES"
        " ('database.secret', 'of b'), ('x.api_key', 'of b'), ('mine', 'of b'); RESET ucrepl.origin"
    )
    report = verify(pair)["ir_config_parameter"]
    assert (report.own, report.extra) == ((0, 1) if leads_back else (1, 0))
    assert report.target_rows == 1


def test_what_is_only_inserted_is_neither_changed_nor_deleted(pair: Pair) -> None:
    pair.a.run("INSERT INTO mailing_trace (email, opened) VALUES ('a', false), ('b', false)")
    pair.forth()
    pair.a.run("UPDATE mailing_trace SET opened = true")
    pair.a.run("DELETE FROM mailing_trace WHERE email = 'b'")
    pair.a.run("TRUNCATE mailing_trace")
    pair.forth()
    assert pair.b.rows("SELECT email, opened FROM mailing_trace ORDER BY id") == [("a", False), ("b", False)]
    assert left_out(pair) == {"mailing statistics": 4}
    assert not verify(pair)["mailing_trace"].differs
    seed(pair)
    assert pair.b.value("SELECT count(*) FROM mailing_trace") == 2


def test_a_protected_table_is_recognised(make_pair: MakePair) -> None:
    pair = prepared(make_pair, rules=[{"table": "res_company", "action": "protect"}])
    pair.a.run("UPDATE res_company SET email = 'new@example.com'")
    pair.a.run("INSERT INTO account_move (ref, company_id) VALUES ('R', 1)")
    pair.a.run(
        "INSERT INTO res_company (id, name) VALUES (2, 'Theirs');"
        "INSERT INTO account_move (ref, company_id) VALUES ('Q', 2)"
    )
    pair.a.run("INSERT INTO account_journal (name, company_id) VALUES ('J', 1), ('K', 2)")
    pair.forth()
    assert pair.b.rows("SELECT id, email FROM res_company") == [(8, "old@example.com")]
    assert pair.b.rows("SELECT ref, company_id FROM account_move ORDER BY ref") == [("R", 8)]
    assert pair.b.rows("SELECT name, company_id FROM account_journal") == [("J", 8)]
    parked = [("account_move", "unresolved"), ("account_journal", "unresolved")]
    assert [(p.table, p.reason) for p in pair.b.parked()] == parked
    found = verify(pair)["account_move"]
    assert (found.missing, found.different) == (1, 0)
    pair.b.run("UPDATE account_move SET company_id = NULL WHERE ref = 'R'")
    assert verify(pair)["account_move"].different == 1


def test_a_company_of_a_cluster_is_a_record_like_others(pair: Pair) -> None:
    pair.a.run("UPDATE res_company SET email = 'new@example.com'")
    pair.a.run("INSERT INTO res_company (id, name) VALUES (2, 'New')")
    pair.a.run("INSERT INTO account_move (ref, company_id) VALUES ('R', 1), ('Q', 2)")
    pair.a.run("INSERT INTO account_journal (name, company_id) VALUES ('K', 2)")
    pair.forth()
    new = pair.b.value("SELECT id FROM res_company WHERE name = 'New'")
    assert pair.b.value("SELECT email FROM res_company WHERE id = 8") == "new@example.com"
    assert pair.b.rows("SELECT ref, company_id FROM account_move ORDER BY ref") == [("Q", new), ("R", 8)]
    assert pair.b.rows("SELECT name, company_id FROM account_journal") == [("K", new)]
    pair.assert_clean()


def test_an_invitation_that_was_used_holds_nowhere_in_a_cluster(make_pair: MakePair) -> None:
    pair = make_pair(TABLES + "INSERT INTO res_partner (name, signup_token) VALUES ('Ada', 'one');", policy="cluster")
    pair.seed()
    pair.a.run("UPDATE res_partner SET signup_token = NULL")
    pair.forth()
    assert pair.b.rows("SELECT signup_token FROM res_partner") == [(None,)]
    pair.b.run("UPDATE res_partner SET signup_token = 'two'")
    pair.back()
    assert pair.a.rows("SELECT signup_token FROM res_partner") == [("two",)]
    pair.assert_clean()


def test_what_lets_a_user_in_is_the_same_on_both_sides(make_pair: MakePair) -> None:
    pair = make_pair(
        """
        CREATE TABLE res_users (
            id serial PRIMARY KEY, login text UNIQUE, password text, password_crypt text, totp_secret text,
            active boolean, oauth_uid text, oauth_access_token text
        );
        CREATE TABLE res_users_apikeys (id serial PRIMARY KEY, user_id int REFERENCES res_users, key text);
        CREATE TABLE auth_passkey_key (id serial PRIMARY KEY, create_uid int REFERENCES res_users, public_key text);
        CREATE TABLE auth_oauth_provider (id serial PRIMARY KEY, name text, enabled boolean);
        INSERT INTO res_users VALUES (1, 'ada', 'old', 'old', 'old', true, 'a', 'of the node');
        INSERT INTO res_users_apikeys (user_id, key) VALUES (1, 'k');
        INSERT INTO auth_passkey_key (create_uid, public_key) VALUES (1, 'k');
        INSERT INTO auth_oauth_provider (name, enabled) VALUES ('g', true);
        """,
        policy="cluster",
    )
    pair.seed()
    pair.a.run(
        "UPDATE res_users SET password = 'new', password_crypt = NULL, totp_secret = NULL, oauth_access_token = 'x'"
    )
    pair.a.run(
        "DELETE FROM res_users_apikeys; DELETE FROM auth_passkey_key; UPDATE auth_oauth_provider SET enabled = false"
    )
    pair.forth()
    pair.b.run("UPDATE res_users SET active = false, oauth_uid = NULL")
    pair.back()
    for side in (pair.a, pair.b):
        found = side.rows("SELECT password, password_crypt, totp_secret, active, oauth_uid FROM res_users")
        assert found == [("new", None, None, False, None)]
        assert side.rows("SELECT FROM res_users_apikeys") == side.rows("SELECT FROM auth_passkey_key") == []
        assert side.column("SELECT enabled FROM auth_oauth_provider") == [False]
    assert pair.b.value("SELECT oauth_access_token FROM res_users") == "of the node"
    pair.assert_clean()


def test_a_new_sequence_comes_and_one_that_is_there_numbers_as_before(pair: Pair) -> None:
    pair.a.run("UPDATE ir_sequence SET number_next = 12, prefix = 'T' WHERE code = 'so'")
    pair.a.run("INSERT INTO ir_sequence (code, prefix, number_next) VALUES ('new', 'N', 1)")
    pair.forth()
    assert pair.b.rows("SELECT code, prefix, number_next FROM ir_sequence ORDER BY code") == [
        ("new", "N", 1),
        ("so", "S", 12),
    ]


def test_links_to_groups_that_are_not_here_are_parked(make_pair: MakePair) -> None:
    pair = prepared(make_pair, rules=[{"table": "res_groups", "action": "protect", "name": "groups"}])
    pair.a.run(
        "INSERT INTO res_groups (id, name) VALUES (2, 'only here'); INSERT INTO res_partner (name) VALUES ('Ada')"
    )
    pair.a.run("INSERT INTO res_partner_groups_rel VALUES (1, 1), (1, 2)")
    pair.a.run("INSERT INTO some_wizard (name) VALUES ('w')")
    pair.forth()
    found = pair.b.rows(
        "SELECT p.name, g.name FROM res_partner_groups_rel JOIN res_partner AS p ON p.id = partner_id"
        " JOIN res_groups AS g ON g.id = gid"
    )
    assert found == [("Ada", "staff")]
    assert pair.b.rows("SELECT name FROM some_wizard") == []
    assert left_out(pair) == {"groups": 1, "wizards": 1}
    assert [(p.table, p.reason) for p in pair.b.parked()] == [("res_partner_groups_rel", "unresolved")]


def test_nothing_that_is_protected_or_skipped_is_fetched(make_pair: MakePair) -> None:
    pair = prepared(make_pair, missing="fetch")
    pair.a.run("""
        INSERT INTO ir_mail_server (name) VALUES ('only here');
        INSERT INTO account_move (ref, server_id) VALUES ('R', 1);
        INSERT INTO mail_message (message_id) VALUES ('m'); INSERT INTO mail_mail (mail_message_id) VALUES (1);
        INSERT INTO mail_notification (mail_message_id, mail_mail_id) VALUES (1, 1);
    """)
    pair.forth()
    with Nodes(pair.config, "seed") as nodes:
        copy_subset(pair.config, pair.config.links[FORTH], nodes, [Wish("account_move", "true")])
    assert pair.b.rows("SELECT ref, server_id FROM account_move") == [("R", None)]
    assert pair.b.rows("SELECT mail_mail_id FROM mail_notification") == [(None,)]
    assert pair.b.rows("SELECT FROM ir_mail_server") == pair.b.rows("SELECT FROM mail_mail") == []
    pair.assert_clean()


def test_without_a_policy_all_is_replicated(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, both_ways=False)
    pair.seed()
    pair.a.run("INSERT INTO ir_config_parameter (key, value) VALUES ('database.secret', 'x')")
    pair.a.run("INSERT INTO some_wizard (name) VALUES ('w')")
    assert pair.forth().applied == 2


def test_a_part_of_the_source_has_its_links_to_protected_records(make_pair: MakePair) -> None:
    pair = make_pair(TABLES, both_ways=False, policy="populate")
    pair.b.run("UPDATE res_company SET id = 8; UPDATE res_groups SET id = 9")
    pair.a.run("""
        INSERT INTO res_partner (name) VALUES ('Ada'), ('Bob');
        INSERT INTO res_partner_groups_rel VALUES (1, 1), (2, 1);
        INSERT INTO account_move (ref, company_id) VALUES ('A', 1), ('B', 1);
    """)
    with Nodes(pair.config, "seed") as nodes:
        wishes = [Wish("res_partner", "name = 'Ada'"), Wish("account_move", "ref = 'A'")]
        copy_subset(pair.config, pair.config.links[FORTH], nodes, wishes)
    assert pair.b.rows("SELECT ref, company_id FROM account_move") == [("A", 8)]
    assert pair.b.rows("SELECT p.name, gid FROM res_partner_groups_rel JOIN res_partner AS p ON p.id = partner_id") == [
        ("Ada", 9)
    ]
    assert pair.b.column("SELECT id FROM res_company") == [8]


def test_a_seeding_obeys(make_pair: MakePair, sent: list[bytes], tmp_path: Path) -> None:  # noqa: F811
    rules = [{"table": "res_partner", "keys": [["ref"]]}]
    pair = make_pair(TABLES, both_ways=False, policy="cluster", rules=rules)
    pair.a.run("INSERT INTO res_partner (ref, customer_rank) VALUES ('R', 1)")
    pair.b.run("INSERT INTO res_partner (ref, customer_rank) VALUES ('R', 5)")
    pair.a.run("INSERT INTO ir_config_parameter (key, value) VALUES ('database.secret', 'secret 1'), ('y', 'open')")
    pair.a.run("INSERT INTO ir_mail_server (name, smtp_pass) VALUES ('out', 'secret 2'), ('other', 'secret 3')")
    pair.a.run("INSERT INTO mail_message (message_id) VALUES ('m1')")
    pair.a.run("INSERT INTO mail_mail (mail_message_id, body) VALUES (1, 'secret')")
    pair.a.run("INSERT INTO account_move (ref, server_id, company_id) VALUES ('A', 1, 1), ('B', 2, 1)")
    pair.b.run("INSERT INTO ir_mail_server (id, name) VALUES (9, 'out')")
    previews = {t["table"]: t for t in Terminal(pair, tmp_path)("seed", LINK, "--dry-run", "--json").json["tables"]}
    assert [previews["ir_config_parameter"][k] for k in ("rows", "create", "left_out")] == [2, 1, 1]
    assert [previews["ir_mail_server"][k] for k in ("rows", "recognised", "create", "left_out")] == [2, 1, 0, 1]
    assert {
        "kind": "protected",
        "rows": 1,
        "why": "customer_rank: level 4, the greater number stays, by rule 'partners'",
    } in (previews["res_partner"]["reasons"])
    seed(pair)
    assert pair.b.column("SELECT customer_rank FROM res_partner") == [5]
    assert pair.b.rows("SELECT key, value FROM ir_config_parameter") == [("y", "open")]
    assert pair.b.rows("SELECT id, name, smtp_pass FROM ir_mail_server") == [(9, "out", None)]
    assert pair.b.rows("SELECT ref, server_id, company_id FROM account_move ORDER BY ref") == [
        ("A", 9, 1),
        ("B", None, 1),
    ]
    assert pair.b.rows("SELECT body FROM mail_mail") == []
    assert [name for name, report in verify(pair).items() if report.differs] == []
    assert_unseen(sent, b"open")
    pair.assert_clean()


def test_a_users_rule_takes_the_place_of_a_packs(make_pair: MakePair, tmp_path: Path) -> None:
    rules = [
        {"table": "mailing_*", "action": "replicate", "name": "we want them all"},
        {"table": "ir_sequence", "protect": {"number_next": 3}, "name": "our numbers"},
        {"table": "res_partner", "skip": True},
    ]
    pair = prepared(make_pair, rules=rules)
    terminal = Terminal(pair, tmp_path)
    told = {
        (r["table"], r["column"]): (r["says"], r["rule"], r["overrides"])
        for r in terminal("plan", LINK, "--json").json["rules"]
        if not r["where"]
    }
    assert told["mailing_trace", None] == ("replicate", "we want them all", "mailing statistics")
    assert told["ir_sequence", None] == ("replicate", "document numbers", None)
    assert told["ir_sequence", "number_next"] == ("level 3", "our numbers", "document numbers")
    assert told["res_partner", None] == ("skip", "rules[2] res_partner", "partners")
    shown = [" ".join(line.split()) for line in terminal("plan", LINK, "--table", "mailing_trace").lines]
    assert shown[:2] == [
        "table column where says rule overrides",
        "mailing_trace - - replicate we want them all mailing statistics",
    ]
    pair.a.run("INSERT INTO mailing_trace (email, opened) VALUES ('a', false); UPDATE mailing_trace SET opened = true")
    pair.a.run("INSERT INTO res_partner (name) VALUES ('Ada'); UPDATE ir_sequence SET number_next = 99")
    pair.a.run("INSERT INTO mail_message (message_id) VALUES ('m'); INSERT INTO mail_mail (mail_message_id) VALUES (1)")
    pair.forth()
    assert pair.b.column("SELECT opened FROM mailing_trace") == [True]
    assert pair.b.column("SELECT number_next FROM ir_sequence") == [10]
    [status] = terminal("status", "--json").json["links"]
    assert status["skipped_by_rule"] == {"rules[2] res_partner": 1, "outgoing mail": 1}
    assert status["skipped"] == 2
