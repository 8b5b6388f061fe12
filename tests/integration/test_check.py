"""`check`: each thing that can be wrong is found, with its remedy, and nothing is changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import BACK, FORTH, Terminal
from ucrepl.config import Config
from ucrepl.link.check import facts, links

TABLES = """
    CREATE TABLE partner (id serial PRIMARY KEY, ref text, name text);
    CREATE TABLE label (code text PRIMARY KEY);
    CREATE TABLE partner_label (
        partner_id integer REFERENCES partner, code text REFERENCES label, PRIMARY KEY (partner_id, code)
    );
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair(TABLES)


@pytest.fixture
def terminal(pair: Pair, tmp_path: Path) -> Terminal:
    return Terminal(pair, tmp_path)


def findings(terminal: Terminal, *, code: int = 0) -> list[tuple[str, str, str, str]]:
    """All findings as (severity, node or link, check, message); each must have its remedy."""
    found = terminal("check", "--json", code=code).json["findings"]
    assert all(finding["remedy"] for finding in found)
    assert all(list(finding) == ["severity", where(finding), "check", "message", "remedy"] for finding in found)
    return [(f["severity"], f[where(f)], f["check"], f["message"]) for f in found]


def where(finding: dict[str, Any]) -> str:
    return "node" if "node" in finding else "link"


def disguised(dsn: str) -> str:
    """Another way to write where the same database is."""
    return make_conninfo(dsn, host=f"{conninfo_to_dict(dsn)['host']}/.")


@contextmanager
def role(pair: Pair, name: str, grants: str = "") -> Iterator[None]:
    """A role that is not the owner of anything, on the server of both databases."""
    pair.a.run(f"CREATE ROLE {name} LOGIN; {grants}")
    try:
        yield
    finally:
        pair.b.run(f"DROP OWNED BY {name}")
        pair.a.run(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_nothing_is_wrong(terminal: Terminal) -> None:
    assert findings(terminal) == []
    said = terminal("check")
    assert (said.out, said.err) == ("", "nothing found\n")


def test_nothing_is_changed(pair: Pair, terminal: Terminal) -> None:
    findings(terminal)
    for table in ("link", "peer", "identity", "consumer"):
        assert pair.both(f"SELECT count(*) FROM ucrepl.{table}") == ([(0,)], [(0,)])


def test_before_the_installation(make_pair: MakePair, tmp_path: Path) -> None:
    terminal = Terminal(make_pair(TABLES, installed=False), tmp_path)
    assert [f for f in findings(terminal, code=1) if f[2] != "clients"] == [
        ("error", "turin", "installed", "ucrepl is not installed"),
        ("error", "milan", "installed", "ucrepl is not installed"),
        *(
            (
                "note",
                node,
                "hstore",
                "the extension 'hstore' is not in the database: `install` puts it into the schema 'ucrepl'",
            )
            for node in ("turin", "milan")
        ),
    ]
    said = terminal("check", code=1)
    assert said.lines[:2] == ["error: turin: ucrepl is not installed", "  HINT: run: ucrepl install turin"]
    assert said.err.startswith("2 errors")


def test_nodes_that_can_t_be_reached(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path, turin=make_conninfo(pair.a.dsn, port="1"))
    [finding] = findings(terminal, code=1)
    assert finding[:3] == ("error", "turin", "reachable")


def test_a_node_in_no_link_keeps_nothing_from_starting(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path, rome=make_conninfo(pair.a.dsn, dbname="nowhere"))
    [finding] = findings(terminal)
    assert finding[:3] == ("warning", "rome", "reachable")
    terminal = Terminal(pair, tmp_path, rome=disguised(pair.a.dsn))
    assert findings(terminal) == [("note", "rome", "links", "the node is in no link")]


def test_a_schema_that_is_older_or_newer(pair: Pair, terminal: Terminal) -> None:
    pair.a.run("INSERT INTO ucrepl.migration (version, name) VALUES (9999, 'later')")
    [finding] = findings(terminal, code=1)
    assert finding[:3] == ("error", "turin", "installed")
    assert "has version 9999" in finding[3]
    pair.a.run("DELETE FROM ucrepl.migration WHERE version > 1")
    [finding] = findings(terminal, code=1)
    assert "has version 1, this program needs" in finding[3]


def test_a_clone(pair: Pair, terminal: Terminal) -> None:
    pair.a.run("UPDATE ucrepl.node SET database_oid = 1")
    [finding] = findings(terminal, code=1)
    assert finding[:3] == ("error", "turin", "installed")
    assert "restored or cloned copy" in finding[3]


def test_a_source_that_is_another_one_than_before(pair: Pair, terminal: Terminal) -> None:
    pair.forth()
    pair.close_links()
    pair.a.run("UPDATE ucrepl.node SET uuid = gen_random_uuid()")
    message = "node 'turin' is another database than the one that the link has been reading"
    assert findings(terminal, code=1) == [("error", FORTH, "identity", message)]


def test_a_source_that_is_older_than_the_position(pair: Pair, terminal: Terminal) -> None:
    pair.replayer()
    pair.close_links()
    pair.b.run("UPDATE ucrepl.link SET position = '9000000000:9000000000:'")
    [finding] = findings(terminal, code=1)
    assert finding[:3] == ("error", FORTH, "identity")
    assert "'turin' was restored" in finding[3]


def test_both_nodes_are_one_database(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path, milan=disguised(pair.a.dsn))
    message = "both ends are the same database"
    assert [f for f in findings(terminal, code=1) if f[2] == "identity"] == [
        ("error", FORTH, "identity", message),
        ("error", BACK, "identity", message),
    ]


def test_triggers_that_are_not_as_they_should_be(pair: Pair, terminal: Terminal) -> None:
    pair.a.run("CREATE TABLE newcomer (id serial PRIMARY KEY)")
    pair.a.run(f"ALTER TABLE label DISABLE TRIGGER {pair.a.trigger('label')}")
    pair.a.run("ALTER TABLE partner_label DROP CONSTRAINT partner_label_pkey, ADD PRIMARY KEY (code, partner_id)")
    found = [f for f in findings(terminal, code=1) if f[2] == "triggers"]
    assert found == [
        ("error", "turin", "triggers", "changes are not captured: 1 table without triggers ('newcomer')"),
        ("error", "turin", "triggers", "changes are not captured: 1 table with disabled triggers ('label')"),
        (
            "error",
            "turin",
            "triggers",
            "changes are not captured: 1 table with triggers made for another key ('partner_label')",
        ),
    ]
    terminal("install", "turin")
    assert [f for f in findings(terminal) if f[2] == "triggers"] == []


def test_triggers_that_nobody_needs(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, rules=[{"table": "label", "skip": True}])
    pair.a.run(f"ALTER TABLE label DISABLE TRIGGER {pair.a.trigger('label')}")
    message = "1 table with disabled triggers ('label'); no link needs their changes now"
    assert findings(Terminal(pair, tmp_path)) == [("note", "turin", "triggers", message)]


def test_tables_without_a_key(pair: Pair, terminal: Terminal) -> None:
    pair.b.run("CREATE TABLE loose (a integer)")
    pair.b.run("CREATE TABLE late (a integer PRIMARY KEY DEFERRABLE)")
    assert findings(terminal) == [
        ("warning", "milan", "keys", "changes are not captured: 1 table without a key ('loose')"),
        ("warning", "milan", "keys", "changes are not captured: 1 table whose key is DEFERRABLE ('late')"),
    ]


def test_tables_that_the_target_has_not_alike(pair: Pair, terminal: Terminal) -> None:
    pair.a.run("CREATE TABLE newcomer (id serial PRIMARY KEY)")
    pair.a.run("CREATE TABLE kind (id serial PRIMARY KEY)")
    pair.b.run("CREATE TABLE kind (id integer PRIMARY KEY)")
    pair.b.run("ALTER TABLE partner_label DROP CONSTRAINT partner_label_pkey, ADD PRIMARY KEY (code, partner_id)")
    terminal("install")
    kinds = "a number that the database hands out here, a value of the record there"
    found = findings(terminal)
    assert {f[:3] for f in found if f[1] == FORTH} == {("warning", FORTH, "tables")}
    assert [f[3].removeprefix("changes will be held: ") for f in found if f[1] == FORTH] == [
        "1 table that the target has not: 'newcomer'",
        "1 table with another key on the target: 'partner_label (partner_id, code here, code, partner_id there)'",
        f"1 table with another kind of key on the target: 'kind ({kinds})'",
    ]
    terminal.path.write_text(terminal.path.read_text() + "\nrules: [{table: '*', skip: true}]\n")
    assert findings(terminal) == []


def test_columns_that_are_not_alike(pair: Pair, terminal: Terminal) -> None:
    pair.a.run("ALTER TABLE partner ADD here integer, ADD size bigint")
    pair.b.run("ALTER TABLE partner ADD there integer, ADD must integer NOT NULL, ADD size integer")
    assert [f for f in findings(terminal) if f[1] == FORTH] == [
        (
            "warning",
            FORTH,
            "columns",
            "new records will be parked: 1 column on 'milan' only must have a value: 'partner.must'",
        ),
        (
            "warning",
            FORTH,
            "types",
            "1 column of another type on the target: 'partner.size (bigint here, integer there)'",
        ),
        ("note", FORTH, "columns", "not replicated: 1 column on 'milan' only: 'partner.there'"),
        ("note", FORTH, "columns", "values will be held: 1 column not on 'milan': 'partner.here'"),
    ]


def test_rules_that_fit_nothing_are_all_named(pair: Pair, tmp_path: Path) -> None:
    pair.configure(
        both_ways=False,
        rules=[
            {"table": "partnr", "skip": True},
            {"table": "partner", "protect": {"nam": 3, "name": 1}, "keys": [["ref"], ["vat"]]},
        ],
    )
    assert [f[3] for f in findings(Terminal(pair, tmp_path), code=1) if f[:3] == ("error", FORTH, "rules")] == [
        "rules[0] partnr: there is no table 'partnr'",
        "rules[1] partner: table 'partner' has no column 'nam'; rules[1] partner: table 'partner' has no column 'vat'",
    ]


def test_triggers_that_fire_for_replayed_changes(pair: Pair, terminal: Terminal) -> None:
    pair.b.run(
        "CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER always AFTER INSERT ON partner FOR EACH ROW EXECUTE FUNCTION noop();"
        "ALTER TABLE partner ENABLE ALWAYS TRIGGER always;"
        "CREATE TRIGGER sometimes AFTER INSERT ON label FOR EACH ROW EXECUTE FUNCTION noop();"
        "CREATE TRIGGER never AFTER INSERT ON label FOR EACH ROW EXECUTE FUNCTION noop();"
        "ALTER TABLE label DISABLE TRIGGER never"
    )
    message = "2 triggers of 'milan' will fire for replayed changes, too: 'sometimes on label', 'always on partner'"
    assert findings(terminal) == [("warning", FORTH, "firing", message)]


def test_what_may_swallow_replayed_rows(pair: Pair, terminal: Terminal) -> None:
    pair.b.run(
        "CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER swallow BEFORE INSERT ON partner FOR EACH ROW EXECUTE FUNCTION drop_it();"
        "CREATE RULE elsewhere AS ON INSERT TO label DO INSTEAD NOTHING"
    )
    elsewhere = "what is replayed to 'milan' goes elsewhere, by 1 rule DO INSTEAD: 'elsewhere on label'"
    swallows = "1 trigger BEFORE a row of 'milan' can change replayed rows, or drop them: 'swallow on partner'"
    assert findings(terminal, code=1) == [
        ("error", FORTH, "rewriting", elsewhere),
        ("warning", FORTH, "firing", swallows),
    ]


def test_a_mask_that_gives_one_value_where_values_must_differ(pair: Pair, tmp_path: Path) -> None:
    pair.run("CREATE TABLE login (id serial PRIMARY KEY, name text NOT NULL UNIQUE, note text)")
    pair.install()
    pair.configure(both_ways=False, rules=[{"table": "login", "set": {"name": "'x'", "note": "'y'"}}])
    found = [f for f in findings(Terminal(pair, tmp_path)) if f[2] == "masks"]
    message = "only the first row will arrive: 'set' gives all one value where values must differ: 'login.name'"
    assert found == [("warning", FORTH, "masks", message)]
    pair.configure(both_ways=False, rules=[{"table": "login", "set": {"name": "'x' || id"}}])
    assert not [f for f in findings(Terminal(pair, tmp_path)) if f[2] == "masks"]


@pytest.mark.parametrize("nothing", ["null", " NULL ", None])
def test_a_mask_of_nothing_where_there_must_be_a_value(pair: Pair, tmp_path: Path, nothing: str | None) -> None:
    pair.run("ALTER TABLE label ADD must integer NOT NULL")
    pair.configure(both_ways=False, rules=[{"table": "label", "set": {"must": nothing}}])
    found = [f for f in findings(Terminal(pair, tmp_path), code=1) if f[2] == "rules"]
    assert "column 'must' of table 'label' can't be set to null" in found[0][3]


def test_clients_at_work_before_the_installation(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, installed=False)
    with pair.a.another(application_name="odoo-4711"):
        found = [f for f in findings(Terminal(pair, tmp_path), code=1) if f[1:3] == ("turin", "clients")]
    [(severity, _, _, message)] = found
    assert (severity, "'odoo-4711'" in message) == ("warning", True)
    pair.install()
    assert not [f for f in findings(Terminal(pair, tmp_path)) if f[2] == "clients"]


def test_rows_of_the_source_that_are_hidden(pair: Pair, tmp_path: Path) -> None:
    pair.a.run("ALTER TABLE label ENABLE ROW LEVEL SECURITY")
    with role(pair, "guest"):
        pair.a.run("ALTER SCHEMA ucrepl OWNER TO guest; GRANT ALL ON ALL TABLES IN SCHEMA ucrepl TO guest")
        terminal = Terminal(pair, tmp_path, turin=make_conninfo(pair.a.dsn, user="guest"))
        said = terminal("check", "--json", code=1).json["findings"]
        pair.a.run("ALTER SCHEMA ucrepl OWNER TO postgres")
    [finding] = [f for f in said if "row level security hides" in f["message"] and f["node"] == "turin"]
    assert finding["message"] == "row level security hides rows of 1 table ('label') from the role 'guest'"
    assert "BYPASSRLS" in finding["remedy"]


def test_sequences_behind(pair: Pair, terminal: Terminal) -> None:
    pair.b.run("INSERT INTO partner (id) VALUES (7)")
    found = terminal("check", "--json").json["findings"]
    [finding] = [f for f in found if f["check"] == "sequences"]
    assert (finding["severity"], finding["node"]) == ("warning", "milan")
    assert "public.partner_id_seq is behind the greatest id 7" in finding["message"]
    pair.b.run(finding["remedy"])
    assert [f for f in findings(terminal) if f[2] == "sequences"] == []
    assert pair.b.value("INSERT INTO partner DEFAULT VALUES RETURNING id") == 8


def test_a_link_that_was_not_seeded(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, installed=False)
    pair.run("INSERT INTO partner (name) VALUES ('x')")
    pair.install()
    terminal = Terminal(pair, tmp_path)
    message = "not seeded, while both ends hold records in 1 table: 'partner'"
    assert findings(terminal) == [("warning", FORTH, "seeded", message), ("warning", BACK, "seeded", message)]
    terminal("seed", "--same-ids")
    assert findings(terminal) == []


def test_what_waits(pair: Pair, terminal: Terminal) -> None:
    pair.b.run("ALTER TABLE partner ADD CHECK (name <> 'x')")
    pair.a.run("INSERT INTO partner (name) VALUES ('x')")
    pair.forth()
    pair.close_links()
    terminal("pause", FORTH)
    pair.a.run("INSERT INTO partner (name) VALUES ('y'), ('z')")
    found = findings(terminal)
    assert found[:2] == [
        ("warning", FORTH, "state", "1 change parked"),
        ("note", FORTH, "state", "the link is paused"),
    ]
    assert found[2][3].startswith("2 changes in the journal of 'turin' to replay, the oldest since 0:00:")


def test_a_reader_that_is_no_more(pair: Pair, terminal: Terminal) -> None:
    pair.a.run("INSERT INTO ucrepl.consumer (link, confirmed) VALUES ('turin->rome', '3:3:')")
    message = "the journal is kept for the link 'turin->rome', which is not in the configuration, and grows"
    assert findings(terminal) == [("warning", "turin", "readers", message)]


def test_clocks_that_differ(pair: Pair, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "SKEW_SECONDS", -1.0)
    found = findings(terminal)
    assert {(severity, check) for severity, _, check, _ in found} == {("warning", "clocks")}
    pair.configure(conflicts="source")
    assert findings(Terminal(pair, terminal.path.parent)) == []


def test_the_offset_of_a_clock(pair: Pair) -> None:
    with psycopg.connect(pair.a.dsn, autocommit=True) as connection:
        node = facts.node_facts(Config.model_validate({"nodes": {"turin": {"dsn": pair.a.dsn}}}), "turin", connection)
        assert abs(node.clock_offset()) < 1


def test_a_server_that_can_t_be_written_to(pair: Pair, terminal: Terminal) -> None:
    name = pair.a.value("SELECT current_database()")
    pair.b.run(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    assert ("error", "turin", "server") in [f[:3] for f in findings(terminal, code=1)]


class TestPrivileges:
    """What a role lacks, before the installation and for replay."""

    def test_to_install(self, make_pair: MakePair, tmp_path: Path) -> None:
        pair = make_pair(TABLES, installed=False)
        with role(pair, "guest"):
            terminal = Terminal(pair, tmp_path, turin=make_conninfo(pair.a.dsn, user="guest"))
            found = [f for f in findings(terminal, code=1) if f[1] == "turin" and f[2] == "privileges"]
        shown = "3 tables ('label', 'partner', 'partner_label')"
        assert found == [
            ("error", "turin", "privileges", "the role 'guest' may not create the schema 'ucrepl'"),
            ("error", "turin", "privileges", f"the role 'guest' lacks TRIGGER on the {shown}"),
            (
                "warning",
                "turin",
                "privileges",
                f"the role 'guest' does not own {shown}: it could not take the triggers off again",
            ),
        ]

    def test_a_schema_of_another_role(self, pair: Pair, tmp_path: Path) -> None:
        with role(pair, "guest"):
            terminal = Terminal(pair, tmp_path, turin=make_conninfo(pair.a.dsn, user="guest"))
            found = [f for f in findings(terminal, code=1) if f[1] == "turin" and f[2] == "installed"]
        assert found == [
            (
                "error",
                "turin",
                "installed",
                "the schema 'ucrepl' belongs to 'postgres', and the role 'guest' is no member of it",
            )
        ]

    def test_to_replay(self, pair: Pair, tmp_path: Path) -> None:
        with role(pair, "guest"):
            pair.b.run(
                'REVOKE TEMP ON DATABASE "' + pair.b.value("SELECT current_database()") + '" FROM PUBLIC;'
                "ALTER SCHEMA ucrepl OWNER TO guest; GRANT ALL ON ALL TABLES IN SCHEMA ucrepl TO guest;"
                "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO guest;"
                "GRANT DELETE ON label TO guest; ALTER TABLE label ENABLE ROW LEVEL SECURITY"
            )
            terminal = Terminal(pair, tmp_path, milan=make_conninfo(pair.b.dsn, user="guest"))
            found = [(f[0], f[3]) for f in findings(terminal, code=1) if f[1] == FORTH and f[2] == "privileges"]
            pair.b.run("ALTER SCHEMA ucrepl OWNER TO postgres")
        who = "on 'milan' the role 'guest'"
        assert found == [
            ("error", f"{who} may not make temporary tables"),
            ("error", f"{who} lacks DELETE on 2 tables ('partner', 'partner_label')"),
            ("error", f"{who} is bound by the row level security of 1 table ('label')"),
            ("error", f"{who} may take no number from 1 sequence ('public.partner_id_seq')"),
            ("warning", f"{who} lacks TRUNCATE on 3 tables ('label', 'partner', 'partner_label')"),
        ]


def test_what_would_keep_a_cut_over_from_being_done(pair: Pair, tmp_path: Path) -> None:
    assert not [f for f in findings(Terminal(pair, tmp_path)) if f[2] == "cutover"]
    pgbouncer = {"dsn": "host=/nowhere dbname=pgbouncer", "database": "odoo", "config": str(tmp_path / "pgbouncer.ini")}
    document = pair.config.model_dump(by_alias=True, exclude_defaults=True)
    document["links"] = document["links"][:1]
    document["cutover"] = {"switch": [str(tmp_path / "missing"), "{target}"], "pgbouncer": pgbouncer}
    pair.config = Config.model_validate(document)
    found = [f for f in findings(Terminal(pair, tmp_path)) if f[2] == "cutover"]
    assert {f[:2] for f in found} == {("warning", FORTH)}
    for said, words in zip(found, ("is not there", "console does not answer", "no link from 'milan'"), strict=True):
        assert words in said[3]
