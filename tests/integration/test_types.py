"""Every type that PostgreSQL has out of the box goes through exactly, whatever the writer's session has set."""

from itertools import zip_longest

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.integration.links import MakePair, Pair, Side
from tests.integration.values import SAMPLES, WITHOUT_INPUT
from ucrepl.db.connect import connect

# All types that a column can have, with the type of their arrays.
TYPES = """
    SELECT t.typname, a.typname
    FROM pg_type AS t
    LEFT JOIN pg_type AS a ON a.oid = t.typarray
    WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm') AND t.typisdefined
        AND t.typinput <> 'array_in'::regproc
    ORDER BY t.typname
"""
ODD_SESSION = {
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "timezone": "Asia/Kathmandu",
    "xmloption": "document",
    "array_nulls": "off",
}
OTHERS = """
    CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"', 'ä, {}');
    CREATE DOMAIN year AS int CHECK (VALUE > 1900);
    CREATE DOMAIN label AS text NOT NULL CHECK (VALUE <> '');
    CREATE DOMAIN moods AS mood[];
    CREATE TYPE pair AS (a int, b text, c timestamptz[]);
    CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
    CREATE EXTENSION hstore;
"""


@pytest.fixture
def typed(make_pair: MakePair) -> Pair:
    """A table with a column for each type, and one for each type's array."""
    pair = make_pair(installed=False)
    columns = [
        f'"{name}" pg_catalog."{name}"' + (f', "{name}s" pg_catalog."{array}"' if array else "")
        for name, array in pair.a.rows(TYPES)
    ]
    pair.run(f"CREATE TABLE t (id serial PRIMARY KEY, n int, {', '.join(columns)})")
    pair.b.run("SELECT setval('t_id_seq', 1000)")
    pair.install()
    return pair


def names(side: Side) -> list[str]:
    return side.column("SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 2 ORDER BY attnum")


def contents(side: Side, columns: list[str]) -> list[tuple[str | None, ...]]:
    """All values as they are put out, in a session with settings that are the same on both sides, and exact."""
    with connect(side.dsn) as connection:
        listed = ", ".join(
            f"""CASE WHEN "{name}"::text IS NOT NULL THEN format('%s', "{name}") END""" for name in columns
        )
        return connection.execute(f"SELECT {listed} FROM public.t ORDER BY n".encode()).fetchall()


def assert_same_contents(pair: Pair) -> list[tuple[str | None, ...]]:
    columns = names(pair.a)
    ours, theirs = contents(pair.a, columns), contents(pair.b, columns)
    assert len(ours) == len(theirs)
    for mine, yours in zip(ours, theirs, strict=True):
        for column, one, other in zip(columns, mine, yours, strict=True):
            assert one == other, column
    pair.assert_clean()
    return ours


def samples(side: Side) -> dict[str, list[str]]:
    """The literals for every column, with casts; those of arrays are made of those of their elements."""
    found = {}
    for name, array in side.rows(TYPES):
        values = SAMPLES.get(name, [])
        if name == "xml" and not side.value("SELECT count(*) FROM pg_settings WHERE name = 'xmloption'"):
            values = []
        cast = [f'({value})::pg_catalog."{name}"' for value in values]
        found[name] = cast
        if array and values:
            elements = ", ".join([*cast, "NULL"])
            found[f"{name}s"] = [
                f'ARRAY[{elements}]::pg_catalog."{array}"',
                f"'{{}}'::pg_catalog.\"{array}\"",
                f"array_fill({cast[-1]}, ARRAY[2, 1], ARRAY[-3, 5])",
            ]
    return found


def odd(pair: Pair) -> Connection[TupleRow]:
    connection = psycopg.connect(pair.a.dsn, autocommit=True)
    for name, value in ODD_SESSION.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    for locale in ("de_DE.UTF-8", "ja_JP.UTF-8", "en_GB.UTF-8", "en_US.UTF-8", "C.UTF-8"):
        try:
            connection.execute("SELECT set_config('lc_monetary', %s, false)", [locale])
        except psycopg.errors.InvalidParameterValue:
            continue
        break
    return connection


def test_values_of_all_types_are_known(typed: Pair) -> None:
    all_types = {name for name, _ in typed.a.rows(TYPES)}
    assert all_types - SAMPLES.keys() - WITHOUT_INPUT == set()


def test_every_type_is_inserted_updated_nulled_and_deleted_exactly(typed: Pair) -> None:
    values = samples(typed.a)
    columns = list(values)
    rows = [list(row) for row in zip_longest(*values.values(), fillvalue="NULL")]
    listed = ", ".join(f'"{c}"' for c in columns)
    with odd(typed) as writer:
        for n, row in enumerate(rows):
            writer.execute(f"INSERT INTO t (n, {listed}) VALUES ({n}, {', '.join(row)})".encode())
        typed.forth()
        inserted = assert_same_contents(typed)
        assert len(inserted) == len(rows) > 5

        nulls = ", ".join(f'"{c}" = NULL' for c in columns)
        writer.execute(f"UPDATE t SET {nulls} WHERE n % 2 = 0".encode())
        typed.forth()
        nulled = assert_same_contents(typed)
        assert {value for row in nulled[::2] for value in row} == {None}

        for n, row in enumerate(rows[1:] + rows[:1]):  # from null to values, and from values to others
            changed = ", ".join(f'"{c}" = {v}' for c, v in zip(columns, row, strict=True))
            writer.execute(f"UPDATE t SET {changed} WHERE n = {n}".encode())
        typed.forth()
        assert assert_same_contents(typed) == inserted[1:] + inserted[:1]

        writer.execute("DELETE FROM t WHERE n > 0; UPDATE t SET text = 'the last one'")
        typed.forth()
        assert len(assert_same_contents(typed)) == 1


def test_a_conflict_in_a_column_of_any_type_is_seen_and_settled(typed: Pair) -> None:
    """Both sides change every column: old, new and present value are compared for each type."""
    values = {name: found for name, found in samples(typed.a).items() if len(found) > 1 and found[0] != found[1]}
    two = {name: (found[0], found[1]) for name, found in values.items()}
    typed.a.run("INSERT INTO t (n) VALUES (0)")
    typed.settle()
    for side, place in ((typed.b, 1), (typed.a, 0)):
        changes = [f'"{column}" = {values[place]}' for column, values in two.items()]
        side.run(f"UPDATE t SET {', '.join(changes)}")
    typed.forth()
    seen = {conflict.column for conflict in typed.b.conflicts()}
    assert {c for c in two if c not in seen} <= {"int2vectors", "oidvectors"}
    typed.back()
    columns = names(typed.a)
    assert contents(typed.a, columns) == contents(typed.b, columns)


def test_enums_domains_ranges_composites_and_hstore(make_pair: MakePair) -> None:
    pair = make_pair(
        OTHERS + "CREATE TABLE t (id serial PRIMARY KEY, n int, m mood, ms mood[], y year, l label, mo moods, p pair,"
        " ps pair[], s span, h hstore, hs hstore[], other text)"
    )
    pair.b.run("SELECT setval('t_id_seq', 1000)")
    with odd(pair) as writer:
        writer.execute(
            "INSERT INTO t (n, m, ms, y, l, mo, p, ps, s, h, hs) VALUES (1, 'ä, {}', ARRAY['sad', NULL, 'ä,"
            " {}']::mood[], 1901, ' ',"
            " ARRAY['sad']::mood[], (1, 'it''s, (\"x\") \\ ', ARRAY['2024-03-31 02:30+01'::timestamptz]),"
            " ARRAY[(NULL, '', NULL)::pair, NULL], '(0.1,Infinity]', '\"a=>\"=>NULL, b=>\"\"', ARRAY['x=>1'::hstore])"
        )
        writer.execute("INSERT INTO t (n, l) VALUES (2, 'x')")
        pair.forth()
        assert len(assert_same_contents(pair)) == 2
        writer.execute("UPDATE t SET other = 'changed'")  # the NOT NULL of a domain is not asked of what did not change
        writer.execute("UPDATE t SET l = 'y', m = 'sad', y = 2000, p = (2, NULL, NULL), h = NULL WHERE n = 1")
        pair.forth()
        assert_same_contents(pair)
        writer.execute(
            "UPDATE t SET m = NULL, ms = NULL, y = NULL, mo = NULL, p = NULL, ps = NULL, s = NULL, hs = NULL"
        )
        pair.forth()
        assert_same_contents(pair)
        writer.execute("DELETE FROM t WHERE n = 1")
        pair.forth()
        assert len(assert_same_contents(pair)) == 1


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("numeric", "1.1", "1.10"),
        ("float8", "'-0'", "'0'"),
        ("interval", "'24:00:00'", "'1 day'"),
        ("json", "'{\"a\":1}'", "'{\"a\": 1}'"),
        ("jsonb", "'1.0'", "'1.00'"),
        ("bpchar", "'a'", "'a '"),
        ("text[]", "'{a}'", "'[0:0]={a}'"),
        ("box", "'(0,0),(1,4)'", "'(0,0),(2,2)'"),
        ("jsonb", "NULL", "'null'"),
        ("timetz", "'12:00:00+00'", "'13:00:00+01'"),
    ],
)
def test_values_that_are_equal_but_not_the_same(make_pair: MakePair, kind: str, old: str, new: str) -> None:
    pair = make_pair(f"CREATE TABLE t (id serial PRIMARY KEY, n int, x {kind}, y text)")
    pair.a.run(f"INSERT INTO t (n, x) VALUES (1, {old}), (2, {old})")
    pair.forth()
    pair.b.run("UPDATE t SET y = 'disputed' WHERE n = 2")
    pair.a.run(f"UPDATE t SET x = {new}, y = 'b'")  # one of the rows takes the careful way
    pair.forth()
    ours, theirs = contents(pair.a, ["x"]), contents(pair.b, ["x"])
    assert ours == theirs


def test_large_values(make_pair: MakePair) -> None:
    pair = make_pair("CREATE TABLE t (id serial PRIMARY KEY, n int, x text, y bytea)")
    pair.a.run(
        "INSERT INTO t (n, x, y) SELECT 1, string_agg(md5(n::text), ''), decode(string_agg(md5(n::text), ''),"
        " 'hex') FROM generate_series(1, 65536) AS n"
    )
    pair.forth()
    pair.a.run("UPDATE t SET n = 2")
    pair.a.run("UPDATE t SET x = x || 'end'")
    pair.forth()
    check = "SELECT n, length(x), md5(x), length(y), md5(y) FROM t"
    assert pair.assert_same(check)[0][:2] == (2, 2_097_155)
    pair.assert_clean()
