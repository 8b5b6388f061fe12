"""What the triggers write into the journal, whoever writes to the tables and however."""

import psycopg
import pytest

from tests.integration.links import Change, MakePair, Pair, Side

ITEM = "CREATE TABLE item (id serial PRIMARY KEY, name text, price numeric, note text)"


def only(side: Side) -> Change:
    """The only change in the journal."""
    [change] = side.journal()
    return change


def short(side: Side) -> list[tuple[str, str, str | None]]:
    """The journal without the images."""
    return [change[:3] for change in side.journal()]


@pytest.fixture
def side(make_pair: MakePair) -> Side:
    """One database with a table, installed."""
    return make_pair(ITEM).a


def test_an_insert_keeps_the_new_row(side: Side) -> None:
    side.run("INSERT INTO item (name, price) VALUES ('a', 1.10)")
    assert only(side) == ("item", "I", "1", None, {"id": "1", "name": "a", "price": "1.10", "note": None})


def test_an_update_keeps_old_and_new_values_of_the_changed_columns_only(side: Side) -> None:
    side.run("INSERT INTO item (name, price) VALUES ('a', 1.10)")
    side.run("UPDATE item SET name = 'b', price = 1.10, note = ''")
    assert side.journal()[1:] == [("item", "U", "1", {"name": "a", "note": None}, {"name": "b", "note": ""})]


def test_a_delete_keeps_the_old_row(side: Side) -> None:
    side.run("INSERT INTO item (name) VALUES ('a'); DELETE FROM item")
    assert side.journal()[1:] == [
        ("item", "D", "1", {"id": "1", "name": "a", "price": None, "note": None}, None),
    ]


def test_an_update_that_changes_nothing_is_not_logged(side: Side) -> None:
    side.run("INSERT INTO item (name) VALUES ('a'); UPDATE item SET name = name, price = NULL; UPDATE item SET id = id")
    assert short(side) == [("item", "I", "1")]


def test_an_update_of_the_scale_alone_is_a_change(side: Side) -> None:
    side.run("INSERT INTO item (price) VALUES (1.1); UPDATE item SET price = 1.10")
    assert side.journal()[1:] == [("item", "U", "1", {"price": "1.1"}, {"price": "1.10"})]


def test_an_update_of_the_key_is_told_apart(side: Side) -> None:
    side.run("INSERT INTO item (name) VALUES ('a'); UPDATE item SET id = 7, name = 'b'")
    assert side.journal()[1:] == [("item", "K", "1", {"id": "1", "name": "a"}, {"id": "7", "name": "b"})]


def test_what_is_rolled_back_is_not_there(side: Side) -> None:
    with side.another() as connection:
        connection.execute("INSERT INTO item (name) VALUES ('kept')")
        connection.execute("SAVEPOINT one")
        connection.execute("INSERT INTO item (name) VALUES ('lost')")
        connection.execute("UPDATE item SET name = 'lost too'")
        connection.execute("ROLLBACK TO one")
        connection.execute("INSERT INTO item (name) VALUES ('kept as well')")
        connection.commit()
        connection.execute("DELETE FROM item")
        connection.rollback()
    assert [change.new and change.new["name"] for change in side.journal()] == ["kept", "kept as well"]
    assert side.value("SELECT count(DISTINCT xid) FROM ucrepl.journal") == 1


def test_a_role_without_rights_on_the_schema_can_write(side: Side) -> None:
    side.run("CREATE ROLE clerk; GRANT ALL ON item, item_id_seq TO clerk")
    try:
        side.run("SET ROLE clerk")
        side.run("INSERT INTO item (name) VALUES ('a'); UPDATE item SET name = 'b'; DELETE FROM item; TRUNCATE item")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            side.run("SELECT FROM ucrepl.journal")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            side.run("SELECT ucrepl.make_tick(1)")
    finally:
        side.run("RESET ROLE")
        side.run("DROP OWNED BY clerk; DROP ROLE clerk")
    assert short(side) == [("item", "I", "1"), ("item", "U", "1"), ("item", "D", "1"), ("item", "T", None)]


ATTACK = r"""
    CREATE SCHEMA evil;
    GRANT ALL ON SCHEMA evil TO PUBLIC;
    -- All functions of these names and all operators of these types, once more.
    DO $do$
    DECLARE
        twin record;
    BEGIN
        FOR twin IN
            SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments,
                format_type(p.prorettype, NULL) AS result
            FROM pg_proc AS p
            WHERE p.pronamespace IN ('pg_catalog'::regnamespace, 'ucrepl'::regnamespace) AND p.proname IN (
                'nextval', 'pg_current_xact_id', 'cardinality', 'current_setting', 'clock_timestamp', 'starts_with',
                'left', 'hstore', 'set_config', 'pg_notify', 'text', 'xid8', 'char', 'int4', 'int8', 'record_change',
                'pinned_image', 'follow_key', 'make_tick'
            ) AND NOT p.proretset AND p.prokind = 'f'
                AND pg_get_function_identity_arguments(p.oid) !~ 'internal|cstring'
        LOOP
            EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L',
                twin.name, regexp_replace(twin.arguments, '\m(record)\M', 'anyelement'), twin.result,
                format('BEGIN RAISE ''%%'', %L; END', twin.name || ' was called'));
        END LOOP;
        FOR twin IN
            SELECT o.oid, o.oprname AS name, format_type(o.oprleft, NULL) AS l, format_type(o.oprright, NULL) AS r,
                format_type(o.oprresult, NULL) AS result
            FROM pg_operator AS o
            WHERE o.oprkind = 'b' AND format_type(o.oprleft, NULL) IN (
                'text', '"char"', 'integer', 'bigint', 'xid8', 'ucrepl.hstore', 'text[]', 'boolean'
            ) AND format_type(o.oprright, NULL) IN (
                'text', '"char"', 'integer', 'bigint', 'xid8', 'ucrepl.hstore', 'text[]', 'boolean'
            )
        LOOP
            EXECUTE format('CREATE FUNCTION evil.o_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L',
                twin.oid, twin.l, twin.r, twin.result,
                format('BEGIN RAISE ''%%'', %L; END', twin.name || ' was called'));
            EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.o_%s)',
                twin.name, twin.l, twin.r, twin.oid);
        END LOOP;
    END
    $do$;
    CREATE TABLE evil.journal (LIKE ucrepl.journal);
    CREATE TABLE evil.journal_0 (LIKE ucrepl.journal);
    CREATE DOMAIN evil.text AS pg_catalog.varchar(1);
    CREATE DOMAIN evil.xid8 AS pg_catalog.int4;
    CREATE DOMAIN evil."char" AS pg_catalog.int4;
    CREATE DOMAIN evil.hstore AS pg_catalog.int4;
    CREATE ROLE attacker;
    GRANT ALL ON item, item_id_seq TO attacker;
    GRANT USAGE ON SCHEMA ucrepl TO attacker;
"""


@pytest.mark.parametrize("date_style", ["ISO", "German"], ids=["usual settings", "settings that have to be pinned"])
def test_objects_in_the_search_path_of_the_writer_are_never_called(side: Side, date_style: str) -> None:
    side.run(ATTACK)
    try:
        side.run("SET ROLE attacker; SET search_path = evil, pg_temp, public, pg_catalog")
        side.run(f"SET datestyle = {date_style}")
        side.run("CREATE TEMPORARY TABLE journal (seq bigint); CREATE TEMPORARY TABLE tick (seq bigint)")
        side.run(
            "CREATE FUNCTION pg_temp.pg_current_xact_id() RETURNS pg_catalog.xid8 LANGUAGE sql AS"
            " $$SELECT ('called as ' || current_user)::pg_catalog.xid8$$"
        )
        side.run("INSERT INTO item (name) VALUES ('a'); UPDATE item SET name = 'b', id = 7; DELETE FROM item")
        side.run("TRUNCATE item")
    finally:
        side.run("RESET ROLE; RESET search_path; RESET datestyle; DROP OWNED BY attacker CASCADE; DROP ROLE attacker")
    assert [change.op for change in side.journal()] == ["I", "K", "D", "T"]


@pytest.mark.parametrize(
    "setting",
    [{}, {"datestyle": "SQL, DMY"}, {"extra_float_digits": "0"}, {"bytea_output": "escape"}],
    ids=lambda setting: "".join(setting) or "none",
)
def test_one_setting_of_the_writer_alone_changes_no_image(make_pair: MakePair, setting: dict[str, str]) -> None:
    side = make_pair("CREATE TABLE item (id serial PRIMARY KEY, day date, price float8, photo bytea)").a
    with side.another(**setting) as connection:
        connection.execute("INSERT INTO item (day, price, photo) VALUES ('2026-11-25', 0.1::float8 + 0.2, 'abc')")
        connection.execute("UPDATE item SET day = '2026-11-26', price = 0.7::float8 + 0.1, photo = 'def'")
        connection.execute("DELETE FROM item")
        connection.commit()
    first = {"id": "1", "day": "2026-11-25", "price": "0.30000000000000004", "photo": "\\x616263"}
    last = {"day": "2026-11-26", "price": "0.7999999999999999", "photo": "\\x646566"}
    inserted, updated, deleted = side.journal()
    assert (inserted.new, updated.new, deleted.old) == (first, last, {**first, **last})


def test_columns_of_types_without_equality(make_pair: MakePair) -> None:
    side = make_pair("CREATE TABLE doc (id serial PRIMARY KEY, j json, x xml, p point)").a
    side.run("""INSERT INTO doc (j, x, p) VALUES ('{"a": 1}', '<a/>', '(1,2)')""")
    side.run("UPDATE doc SET j = j; UPDATE doc SET p = '(1,3)'")
    side.run("""UPDATE doc SET j = '{"a":  1}'""")
    assert side.journal()[1:] == [
        ("doc", "U", "1", {"p": "(1,2)"}, {"p": "(1,3)"}),
        ("doc", "U", "1", {"j": '{"a": 1}'}, {"j": '{"a":  1}'}),
    ]


def test_truncate_of_several_tables_by_name_and_by_cascade(make_pair: MakePair) -> None:
    side = make_pair(
        "CREATE TABLE up (id serial PRIMARY KEY); CREATE TABLE down (id serial PRIMARY KEY, up_id int REFERENCES up)"
    ).a
    side.run("TRUNCATE down, up")
    assert sorted(short(side)) == [("down", "T", None), ("up", "T", None)]
    side.run("TRUNCATE up CASCADE")
    assert sorted(short(side)[2:]) == [("down", "T", None), ("up", "T", None)]


def test_copy_upsert_and_merge(side: Side) -> None:
    with side.connection.cursor() as cursor, cursor.copy("COPY item (id, name) FROM STDIN") as copy:
        copy.write_row((1, "a"))
        copy.write_row((2, "b"))
    side.run(
        "INSERT INTO item (id, name) VALUES (1, 'A'), (3, 'c') ON CONFLICT (id) DO UPDATE SET name = excluded.name"
    )
    side.run("INSERT INTO item (id, name) VALUES (1, 'x') ON CONFLICT DO NOTHING")
    assert short(side) == [("item", "I", "1"), ("item", "I", "2"), ("item", "U", "1"), ("item", "I", "3")]


def test_merge(side: Side) -> None:
    if side.connection.info.server_version < 15_00_00:
        pytest.skip("MERGE came with PostgreSQL 15")
    side.run("INSERT INTO item (id, name) VALUES (1, 'a'), (2, 'b')")
    side.run(
        "MERGE INTO item USING (VALUES (1, 'A'), (2, NULL), (3, 'c')) AS v (id, name) ON v.id = item.id"
        " WHEN MATCHED AND v.name IS NULL THEN DELETE"
        " WHEN MATCHED THEN UPDATE SET name = v.name"
        " WHEN NOT MATCHED THEN INSERT (id, name) VALUES (v.id, v.name)"
    )
    assert sorted(short(side)[2:]) == [("item", "D", "2"), ("item", "I", "3"), ("item", "U", "1")]


PARTITIONED = """
    CREATE TABLE sale (id int NOT NULL, region text NOT NULL, amount numeric, PRIMARY KEY (id, region))
        PARTITION BY LIST (region);
    CREATE TABLE sale_north (amount numeric, region text NOT NULL, id int NOT NULL);
    ALTER TABLE sale ATTACH PARTITION sale_north FOR VALUES IN ('north');
    CREATE TABLE sale_south PARTITION OF sale FOR VALUES IN ('south') PARTITION BY RANGE (id);
    CREATE TABLE sale_south_1 PARTITION OF sale_south FOR VALUES FROM (0) TO (100);
"""


def test_partitions_are_captured_as_their_root(make_pair: MakePair) -> None:
    pair = make_pair(PARTITIONED)
    pair.a.run("INSERT INTO sale VALUES (1, 'north', 1), (2, 'south', 2)")
    pair.a.run("INSERT INTO sale_north (id, region, amount) VALUES (3, 'north', 3)")
    pair.a.run("UPDATE sale SET amount = 10 WHERE id = 1; UPDATE sale SET region = 'south' WHERE id = 3")
    assert {change.table for change in pair.a.journal()} == {"sale"}
    pair.forth()
    assert pair.assert_same("SELECT id, region, amount, tableoid::regclass::text FROM sale ORDER BY id") == [
        (1, "north", 10, "sale_north"),
        (2, "south", 2, "sale_south_1"),
        (3, "south", 3, "sale_south_1"),
    ]
    pair.a.run("DELETE FROM sale_south_1; TRUNCATE sale")
    pair.forth()
    assert pair.assert_same("SELECT * FROM sale") == []
    pair.assert_clean()


def test_a_new_partition_is_captured_without_further_ado(make_pair: MakePair) -> None:
    pair = make_pair(PARTITIONED)
    pair.run("CREATE TABLE sale_west PARTITION OF sale FOR VALUES IN ('west')")
    pair.a.run("INSERT INTO sale VALUES (1, 'west', 1)")
    assert short(pair.a) == [("sale", "I", "{1,west}")]


def test_inherited_tables_with_one_sequence(make_pair: MakePair) -> None:
    pair = make_pair("""
        CREATE TABLE action (id serial PRIMARY KEY, name text);
        CREATE TABLE action_window (PRIMARY KEY (id), view text) INHERITS (action);
        CREATE TABLE action_report (PRIMARY KEY (id), file text) INHERITS (action);
    """)
    pair.b.run("INSERT INTO action (name) VALUES ('of b')")
    pair.a.run("INSERT INTO action (name) VALUES ('one')")
    pair.a.run("INSERT INTO action_window (name, view) VALUES ('two', 'form')")
    pair.a.run("INSERT INTO action_report (name, file) VALUES ('three', 'pdf')")
    pair.a.run("UPDATE action SET name = name || '!'")
    assert [change[:2] for change in pair.a.journal()[:3]] == [
        ("action", "I"),
        ("action_window", "I"),
        ("action_report", "I"),
    ]
    pair.settle()
    assert pair.assert_same("SELECT name FROM ONLY action ORDER BY 1") == [("of b",), ("one!",)]
    assert pair.assert_same("SELECT name, view FROM action_window") == [("two!", "form")]
    assert pair.assert_same("SELECT name, file FROM action_report") == [("three!", "pdf")]
    pair.a.run("DELETE FROM action WHERE name = 'two!'")
    pair.settle()
    assert pair.assert_same("SELECT name FROM action ORDER BY 1") == [("of b",), ("one!",), ("three!",)]
    pair.assert_clean()


LONG = "ä" * 31 + "x"  # 63 bytes
ODD_COLUMNS = ("order", "user", "limit", 'a "quote"', "it's", "100%", "%s %(x)s", "{}", "a,b", "Ärger", "select", LONG)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_odd_names(make_pair: MakePair) -> None:
    columns = [quoted(name) for name in ODD_COLUMNS]
    tables = [quoted(name) for name in ("Products", "order", 'a "b" c', "50% {off}", "it's", LONG, "x.y")]
    definition = ", ".join(f"{name} text" for name in columns)
    pair = make_pair("".join(f"CREATE TABLE {t} (id serial PRIMARY KEY, {definition});" for t in tables))
    values = ", ".join(f"'{i}'" for i in range(len(columns)))
    for table in tables:
        pair.b.run(f"INSERT INTO {table} ({columns[0]}) VALUES ('local')")
        pair.a.run(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})")
        pair.a.run(f"UPDATE {table} SET {columns[5]} = 'changed', {columns[-1]} = NULL")
    pair.settle()
    for table in tables:
        rows = pair.assert_same(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1")
        assert rows[0] == (*map(str, range(5)), "changed", *map(str, range(6, len(columns) - 1)), None)
        assert len(rows) == 2
    pair.assert_clean()


INTERNAL = ("change", "sent", "was", "target", "own", "model", "own_", "here", "candidate", "known", "identity", "i")


def test_odd_names_of_keys_and_references(make_pair: MakePair) -> None:
    columns = [quoted(name) for name in (*ODD_COLUMNS, *INTERNAL)]
    references = ", ".join(f'{name} int REFERENCES "Up"' for name in columns)
    pair = make_pair(
        f'CREATE TABLE "Up" ("Id" serial PRIMARY KEY); CREATE TABLE d ("the % key" serial PRIMARY KEY, {references})'
    )
    pair.b.run("""INSERT INTO "Up" DEFAULT VALUES; SELECT setval('"Up_Id_seq"', 100)""")
    pair.a.run('INSERT INTO "Up" DEFAULT VALUES')
    pair.a.run(f"INSERT INTO d VALUES (1, {', '.join('1' for _ in columns)})")
    pair.forth()
    pair.assert_clean()
    assert pair.b.rows("SELECT * FROM d") == [(1, *[101] * len(columns))]
    pair.b.run(f"UPDATE d SET {columns[0]} = NULL")
    pair.a.run(f"UPDATE d SET {', '.join(f'{name} = NULL' for name in columns[1:])}")
    pair.a.run(f"UPDATE d SET {columns[0]} = NULL")
    pair.forth()
    pair.assert_clean()
    assert pair.b.rows("SELECT * FROM d") == [(1, *[None] * len(columns))]


def test_generated_and_identity_columns(make_pair: MakePair) -> None:
    pair = make_pair("""
        CREATE TABLE line (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            quantity int, price int, total int GENERATED ALWAYS AS (quantity * price) STORED
        );
        CREATE TABLE counted (code text PRIMARY KEY, number int GENERATED ALWAYS AS IDENTITY, name text);
    """)
    pair.b.run("INSERT INTO line (quantity, price) VALUES (0, 0)")
    pair.a.run("INSERT INTO line (quantity, price) VALUES (2, 3); INSERT INTO counted (code) VALUES ('a')")
    pair.a.run("UPDATE line SET price = 4; UPDATE counted SET name = 'one'")
    pair.settle()
    assert pair.assert_same("SELECT quantity, price, total FROM line ORDER BY 1") == [(0, 0, 0), (2, 4, 8)]
    assert pair.assert_same("SELECT * FROM counted") == [("a", 1, "one")]
    pair.a.run("UPDATE line SET quantity = 5 WHERE quantity = 2")
    pair.forth()
    assert pair.b.value("SELECT total FROM line WHERE quantity = 5") == 20
    pair.assert_clean()


def test_a_table_without_a_key_is_reported_and_left_out(make_pair: MakePair) -> None:
    pair = make_pair(
        "CREATE TABLE keyless (x int); CREATE TABLE half (x int UNIQUE, y int);"
        "CREATE TABLE partial (x int NOT NULL); CREATE UNIQUE INDEX ON partial (x) WHERE x > 0;"
        "CREATE TABLE good (x int PRIMARY KEY)",
        installed=False,
    )
    found, _ = pair.install()
    assert found.without_key == ("half", "keyless", "partial")
    assert found.tracked == 1
    pair.a.run("INSERT INTO keyless VALUES (1); UPDATE keyless SET x = 2; TRUNCATE half; INSERT INTO good VALUES (1)")
    assert short(pair.a) == [("good", "I", "1")]


def check_keyed(pair: Pair, table: str, insert: str, update: str) -> None:
    """A row of the table goes through insert, update, delete, insert again."""
    for statement in (insert, update, f"DELETE FROM {table}", insert):
        with pair.a.another(datestyle="SQL, DMY", timezone="Asia/Tokyo", extra_float_digits="-15") as connection:
            connection.execute(statement.encode())
        pair.forth()
        pair.assert_same(f"SELECT * FROM {table}")
    assert pair.b.value(f"SELECT count(*) FROM {table}") == 1
    pair.assert_clean()


@pytest.mark.parametrize(
    ("ddl", "insert", "update"),
    [
        ("(x int NOT NULL, y int NOT NULL, z text, UNIQUE (x, y))", "VALUES (1, 2, 'a')", "z = 'b'"),
        ("(x int NOT NULL, y int NOT NULL, UNIQUE (x, y))", "VALUES (1, 2)", "y = 3"),
        ("(x text, y date, z text, PRIMARY KEY (x, y))", """VALUES ('a,"b" {c}', '2024-02-29', 'a')""", "z = 'b'"),
        ("(k text PRIMARY KEY, z text)", "VALUES ('', 'a')", "z = 'b'"),
        ("(k text PRIMARY KEY, z text)", "VALUES ('it''s {a} \\ NULL', 'a')", "z = 'b'"),
        ("(k uuid PRIMARY KEY, z text)", "VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a')", "z = 'b'"),
        ("(k bytea PRIMARY KEY, z text)", "VALUES ('\\x00ff', 'a')", "z = 'b'"),
        ("(k timestamptz PRIMARY KEY, z text)", "VALUES ('2024-03-31 02:30:00.123456+05:45', 'a')", "z = 'b'"),
        ("(k float8 PRIMARY KEY, z text)", "VALUES (0.1::float8 + 0.2::float8, 'a')", "z = 'b'"),
        ("(k int PRIMARY KEY, z text)", "VALUES (42, 'a')", "z = 'b'"),
    ],
    ids=[
        "unique only",
        "unique only, nothing else",
        "composite",
        "empty text",
        "odd text",
        "uuid",
        "bytea",
        "timestamptz",
        "float",
        "int without sequence",
    ],
)
def test_kinds_of_keys(make_pair: MakePair, ddl: str, insert: str, update: str) -> None:
    check_keyed(make_pair(f"CREATE TABLE t {ddl}"), "t", f"INSERT INTO t {insert}", f"UPDATE t SET {update}")


def test_a_key_that_is_a_reference(make_pair: MakePair) -> None:
    pair = make_pair("""
        CREATE TABLE person (id serial PRIMARY KEY, name text);
        CREATE TABLE employee (id int PRIMARY KEY REFERENCES person, wage numeric);
        CREATE TABLE badge (id serial PRIMARY KEY, employee_id int REFERENCES employee, code text);
    """)
    pair.b.run("INSERT INTO person (name) VALUES ('bob'); INSERT INTO employee VALUES (1, 1)")
    pair.a.run("INSERT INTO person (name) VALUES ('ann'); INSERT INTO employee VALUES (1, 100)")
    pair.a.run("INSERT INTO badge (employee_id, code) VALUES (1, 'x')")
    pair.a.run("UPDATE employee SET wage = 200")
    pair.settle()
    everybody = (
        "SELECT p.name, e.wage, b.code FROM person AS p JOIN employee AS e ON e.id = p.id"
        " LEFT JOIN badge AS b ON b.employee_id = e.id ORDER BY 1"
    )
    assert pair.assert_same(everybody) == [("ann", 200, "x"), ("bob", 1, None)]
    pair.a.run("DELETE FROM badge; DELETE FROM employee WHERE wage = 200")
    pair.settle()
    assert pair.assert_same("SELECT wage FROM employee") == [(1,)]
    pair.assert_clean()


def test_a_change_made_by_replay_is_not_captured(make_pair: MakePair) -> None:
    pair = make_pair(ITEM)
    pair.a.run("INSERT INTO item (name) VALUES ('a'); UPDATE item SET name = 'b'")
    pair.forth()
    pair.a.run("UPDATE item SET name = 'c'; DELETE FROM item; TRUNCATE item")
    pair.forth()
    assert pair.b.journal() == []


def test_a_key_that_is_longer_than_the_target_allows_does_not_find_another_row(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE code (k varchar(9) PRIMARY KEY, name text)", installed=False)
    pair.b.run("ALTER TABLE code ALTER k TYPE varchar(3)")
    pair.install()
    pair.a.run("INSERT INTO code VALUES ('abc', 'short')")
    pair.forth()
    pair.a.run("INSERT INTO code VALUES ('abcdef', 'long')")
    pair.a.run("UPDATE code SET name = 'longer' WHERE k = 'abcdef'; DELETE FROM code WHERE name = 'longer'")
    pair.a.run("INSERT INTO code VALUES ('abcdef', 'long')")
    pair.forth()
    pair.a.run("DELETE FROM code WHERE name = 'long'")
    pair.forth()
    assert pair.b.rows("SELECT * FROM code") == [("abc", "short")]
