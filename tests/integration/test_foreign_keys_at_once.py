"""Foreign keys of large batches are checked at once, by us: what PostgreSQL would refuse is found all the same."""

from contextlib import closing

import psycopg
import pytest
from psycopg import errors

from tests.integration.links import FORTH, MakePair, Pair
from ucrepl.link.apply import MANY_ROWS
from ucrepl.link.ingredients import may_check_at_once

TABLES = """
    CREATE TABLE country (id serial PRIMARY KEY, name text);
    CREATE TABLE boss (id serial PRIMARY KEY, name text);
    CREATE TABLE partner (
        id serial PRIMARY KEY, name text, country_id int REFERENCES country, parent_id int REFERENCES partner,
        boss_id int REFERENCES boss ON DELETE SET NULL
    );
    INSERT INTO country (name) SELECT 'country ' || n FROM generate_series(1, 20) AS n;
    INSERT INTO boss (name) SELECT 'boss ' || n FROM generate_series(1, 20) AS n;
"""
MANY = 3 * MANY_ROWS
FILL = f"""
    INSERT INTO partner (name, country_id, parent_id, boss_id)
    SELECT 'partner ' || n, n % 20 + 1, nullif(n / 2, 0), n % 20 + 1 FROM generate_series(1, {MANY}) AS n
"""
NOWHERE = """
    SELECT count(*) FROM partner AS p
    WHERE (p.country_id IS NOT NULL AND NOT EXISTS (SELECT FROM country AS c WHERE c.id = p.country_id))
        OR (p.parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM partner AS o WHERE o.id = p.parent_id))
        OR (p.boss_id IS NOT NULL AND NOT EXISTS (SELECT FROM boss AS b WHERE b.id = p.boss_id))
"""
ALL = """
    SELECT p.name, c.name, o.name, b.name FROM partner AS p LEFT JOIN country AS c ON c.id = p.country_id
    LEFT JOIN partner AS o ON o.id = p.parent_id LEFT JOIN boss AS b ON b.id = p.boss_id ORDER BY 1
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(TABLES)
    pair.seed_both()
    pair.b.run("SELECT setval('partner_id_seq', 100000)")
    return pair


def checks_at_once(pair: Pair) -> bool:
    return pair.replayer().applier.plan.checks_at_once


def delete_behind_our_back(pair: Pair, statement: str) -> None:
    with psycopg.connect(pair.b.dsn) as user:
        user.execute("SET LOCAL ucrepl.origin = 'nobody'")
        user.execute(statement.encode())


def test_what_refers_to_what_is_there_goes_through(pair: Pair) -> None:
    pair.a.run(FILL)
    assert not pair.forth().finer
    pair.a.run("UPDATE partner SET country_id = 21 - country_id, parent_id = NULL WHERE id > 10")
    assert not pair.forth().finer

    assert checks_at_once(pair)
    assert len(pair.assert_same(ALL)) == MANY
    assert pair.b.value(NOWHERE) == 0
    assert pair.b.value("SHOW session_replication_role") == "origin"


def test_inserts_that_refer_to_what_is_gone_are_parked_alone(pair: Pair) -> None:
    delete_behind_our_back(pair, "DELETE FROM country WHERE id = 7")
    pair.a.run(FILL.replace("n % 20 + 1, nullif(n / 2, 0)", "CASE n WHEN 50 THEN 7 ELSE 6 END, NULL::int"))
    drained = pair.forth()

    assert drained.finer
    assert [(p.table, p.op, p.reason, p.sqlstate) for p in pair.b.parked()] == [("partner", "I", "error", "23503")]
    assert pair.b.value(NOWHERE) == 0
    assert pair.b.value("SELECT count(*) FROM partner") == MANY - 1


def test_updates_that_refer_to_what_is_gone_are_parked_alone(pair: Pair) -> None:
    pair.a.run(FILL.replace("n % 20 + 1, nullif", "n % 5 + 1, nullif"))
    pair.forth()
    delete_behind_our_back(pair, "DELETE FROM country WHERE id = 7")
    pair.a.run("UPDATE partner SET country_id = CASE id WHEN 500 THEN 7 ELSE 6 END")
    pair.forth()

    assert [(p.table, p.op, p.key, p.sqlstate) for p in pair.b.parked()] == [("partner", "U", "500", "23503")]
    assert pair.b.value("SELECT count(*) FROM partner WHERE country_id = 6") == MANY - 1
    assert pair.b.value(NOWHERE) == 0


def test_what_somebody_is_about_to_delete_is_waited_for(pair: Pair) -> None:
    pair.configure(lock_timeout_ms=50)
    pair.a.run(FILL)
    with closing(psycopg.connect(pair.b.dsn)) as user:
        user.execute("DELETE FROM boss WHERE id = 3")
        with pytest.raises(errors.LockNotAvailable):
            pair.step(FORTH)
        assert pair.b.value("SELECT count(*) FROM partner") == 0
        user.commit()
    pair.settle()

    assert pair.b.value("SELECT count(*) FROM partner") == MANY
    pair.assert_same(ALL)


def test_nobody_can_delete_what_a_batch_refers_to(pair: Pair) -> None:
    """The batch holds what it refers to until it is committed: a delete has to wait, and then finds the new rows."""
    pair.a.run(FILL)
    replayer = pair.replayer()
    position, _ = replayer.position()
    window = replayer.window(position)
    outcome: list[type[Exception]] = []
    advance = replayer._execute

    def delete_at_the_last_moment(statement: str, values: dict[str, object]) -> psycopg.Cursor[tuple[object, ...]]:
        if "UPDATE ucrepl.link AS k" in statement:
            with pair.b.another(lock_timeout="50ms") as user:
                try:
                    user.execute("DELETE FROM country WHERE id = 3")
                except errors.Error as error:
                    outcome.append(type(error))
        return advance(statement, values)

    replayer._execute = delete_at_the_last_moment  # type: ignore[method-assign]
    replayer.replay(position, window)

    assert outcome == [errors.LockNotAvailable]
    assert pair.b.value(NOWHERE) == 0


def test_where_a_trigger_would_be_left_out_postgresql_checks(make_pair: MakePair) -> None:
    pair = make_pair(TABLES)
    pair.b.run("""
        CREATE TABLE seen (n int);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO public.seen VALUES (NEW.id); RETURN NEW; END
        $$;
        CREATE TRIGGER see BEFORE INSERT ON partner FOR EACH ROW EXECUTE FUNCTION see();
    """)
    pair.seed_both()
    pair.a.run(FILL)
    pair.forth()

    assert checks_at_once(pair)
    assert pair.b.value("SELECT count(*) FROM seen") == MANY


def test_a_role_that_may_not_do_so_leaves_it_to_postgresql(make_pair: MakePair) -> None:
    pair = make_pair(TABLES)
    pair.b.run("CREATE ROLE humble LOGIN")
    try:
        with psycopg.connect(pair.b.dsn, user="humble", autocommit=True) as humble:
            assert not may_check_at_once(humble)
        with psycopg.connect(pair.b.dsn, autocommit=True) as proud:
            assert may_check_at_once(proud)
            proud.execute("SET session_replication_role = replica")
            assert not may_check_at_once(proud)
    finally:
        pair.b.run("DROP ROLE humble")
