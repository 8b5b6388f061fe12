"""A batch that can't be applied as a whole is applied in parts: short ones, each once, few of them."""

from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.integration.links import MakePair, Pair
from tests.integration.test_replay_faults import GATE, WAITING, in_thread
from tests.support.waiting import wait_for

TABLES = """
    CREATE TABLE item (id serial PRIMARY KEY, name text, size int);
    CREATE TABLE other (id serial PRIMARY KEY, name text, item_id int REFERENCES item);
"""
# Counts the updates of items.
SEEN = """
    CREATE TABLE seen (name text);
    CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO public.seen VALUES (new.name); RETURN new; END$$;
    CREATE TRIGGER see AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION see();
"""
ITEMS = "SELECT name, size FROM item ORDER BY name"
AHEAD = "SELECT count(*) FROM ucrepl.applied_ahead"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    """Two tables; b refuses items of the size 13."""
    pair = make_pair(TABLES, lock_timeout_ms=60_000)
    pair.b.run("SELECT setval('item_id_seq', 100000); ALTER TABLE item ADD CONSTRAINT lucky CHECK (size <> 13)")
    return pair


def count_statements(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that are run on the target from now on."""
    seen: list[str] = []
    target, execute = pair.replayer().target, Connection.execute

    def counted(self: Connection[TupleRow], statement: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        if self is target:
            seen.append(statement.decode() if isinstance(statement, bytes) else str(statement))
        return execute(self, statement, *args, **options)

    monkeypatch.setattr(Connection, "execute", counted)
    return seen


def statements_for(pair: Pair, monkeypatch: pytest.MonkeyPatch, statement: str, refused: int) -> int:
    """How many statements it takes to replay what a statement writes, of which so many changes are refused."""
    pair.a.run(statement)
    with monkeypatch.context() as patched:
        seen = count_statements(pair, patched)
        drained = pair.forth()
    assert (len(drained.batches), drained.finer, drained.parked) == (1, True, refused)
    return len(seen)


@pytest.mark.parametrize("several", [False, True], ids=["in one transaction", "each in its own"])
def test_many_changes_that_are_refused_alike_do_not_cost_more_than_few(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, *, several: bool
) -> None:
    def written(rows: int, sizes: str) -> str:
        insert = f"INSERT INTO item (name, size) SELECT g::text, {sizes} FROM generate_series"
        if not several:
            return f"{insert}(1, {rows}) AS g"
        return f"DO $$ BEGIN FOR i IN 1..{rows} LOOP {insert}(i, i) AS g; COMMIT; END LOOP; END $$"

    few = statements_for(pair, monkeypatch, written(900, "CASE WHEN g = 400 THEN 13 END"), 1)
    many = statements_for(pair, monkeypatch, written(900, "CASE WHEN g % 2 = 0 THEN 13 END"), 450)
    assert many <= few
    assert pair.b.value("SELECT count(*) FROM item") == 899 + 450
    assert {(p.reason, p.sqlstate) for p in pair.b.parked()} == {("error", "23514")}


@pytest.mark.parametrize(
    ("made", "statement", "sqlstate"),
    [
        ("", "UPDATE item SET size = CASE WHEN id % 2 = 0 THEN 13 ELSE 14 END", "23514"),
        (
            "ALTER TABLE item ALTER name SET NOT NULL",
            "UPDATE item SET name = nullif((id % 2)::text, '0')",
            "23502",
        ),
        ("ALTER TABLE item ALTER name TYPE varchar(3)", "UPDATE item SET name = repeat('x', 3 + id % 2)", "22001"),
        (
            "INSERT INTO other (item_id) SELECT id FROM item WHERE size % 2 = 0",
            "DELETE FROM item",
            "23503",
        ),
        (
            "INSERT INTO other (name) SELECT generate_series(14, 312, 2); ALTER TABLE other ADD EXCLUDE (name WITH =)",
            "INSERT INTO other (name) SELECT size::text FROM item",
            "23P01",
        ),
    ],
    ids=["check", "not null", "too long", "referred to", "exclusion"],
)
def test_kinds_of_refusals(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, made: str, statement: str, sqlstate: str
) -> None:
    pair.b.run("ALTER TABLE item DROP CONSTRAINT lucky")
    pair.a.run("INSERT INTO item (name, size) SELECT 'i', g FROM generate_series(14, 313) AS g")
    pair.forth()
    pair.b.run("ALTER TABLE item ADD CONSTRAINT lucky CHECK (size <> 13) NOT VALID")
    if made:
        pair.b.run(made)
        pair.close_links()
    assert statements_for(pair, monkeypatch, statement, 150) < 100
    assert {p.sqlstate for p in pair.b.parked()} == {sqlstate}


def test_what_was_freed_in_the_batch_is_not_refused(make_pair: MakePair) -> None:
    """Each new name is taken here until the change before it is applied."""
    pair = make_pair("CREATE TABLE item (id serial PRIMARY KEY, name text UNIQUE, size int)")
    pair.b.run("ALTER TABLE item ADD CHECK (size <> 13)")
    pair.a.run("INSERT INTO item (name) SELECT g::text FROM generate_series(1, 20) AS g")
    pair.forth()
    for g in range(20, 0, -1):
        pair.a.run("UPDATE item SET name = %s, size = %s WHERE id = %s", str(g + 1), 13 if g == 20 else 1, g)
    pair.forth()
    assert [(p.key, p.sqlstate) for p in pair.b.parked()] == [("20", "23514"), ("19", "23505")] + [
        (str(g), "23505") for g in range(18, 0, -1)
    ]
    pair.b.run("ALTER TABLE item DROP CONSTRAINT item_size_check")
    assert pair.retry().parked == 0
    pair.assert_same(ITEMS)


def test_the_first_of_two_changes_of_a_record_is_applied_though_the_second_is_refused(pair: Pair) -> None:
    pair.a.run("INSERT INTO item (name, size) VALUES ('x', 1), ('y', 1); UPDATE item SET size = 13 WHERE name = 'x'")
    pair.forth()
    assert pair.b.rows(ITEMS) == [("x", 1), ("y", 1)]
    assert [(p.op, p.key) for p in pair.b.parked()] == [("U", "1")]


def test_a_session_that_is_lost_between_two_parts_leaves_each_change_applied_once(pair: Pair) -> None:
    pair.b.run(GATE)
    pair.a.run("INSERT INTO item (name, size) VALUES ('x', 1), ('y', 1)")
    pair.forth()
    pair.b.run(SEEN)
    pair.a.run("UPDATE item SET size = size + 1 WHERE name = 'x'")
    pair.a.run("INSERT INTO item (name, size) VALUES ('bad', 12); UPDATE item SET size = 13 WHERE name = 'bad'")
    pair.a.run("UPDATE item SET size = size + 1 WHERE name = 'y'")
    pair.a.run("INSERT INTO other (name) VALUES ('gate')")
    position = pair.replayer().position()
    with pair.b.another() as keeper:
        keeper.execute("SELECT pg_advisory_xact_lock(4711)")
        future = in_thread(pair.forth)
        wait_for(lambda: pair.b.value(WAITING), what="replay to stand at the gate")
        pair.b.run(f"SELECT pg_terminate_backend(pid) FROM ({WAITING.replace('count(*)', 'pid')}) AS w")
        with pytest.raises(psycopg.OperationalError):
            future.result(30)
    pair.close_links()
    assert pair.b.value(AHEAD) == 2
    assert pair.replayer().position() == position
    drained = pair.forth()
    assert (drained.finer, drained.applied, drained.parked) == (True, 2, 0)
    pair.assert_same("SELECT name FROM other")
    assert pair.b.rows(ITEMS) == [("bad", 12), ("x", 2), ("y", 2)]
    assert sorted(pair.b.column("SELECT name FROM seen")) == ["x", "y"]
    assert [(p.op, p.key) for p in pair.b.parked()] == [("U", "3")]
    assert pair.b.value(AHEAD) == 0
    assert pair.forth().batches == []


def test_nobody_waits_for_what_an_earlier_part_has_written(pair: Pair) -> None:
    pair.b.run(GATE)
    pair.a.run("INSERT INTO item (name, size) VALUES ('x', 1)")
    pair.forth()
    pair.a.run("UPDATE item SET size = 2 WHERE name = 'x'")
    pair.a.run("INSERT INTO item (name, size) VALUES ('bad', 12); UPDATE item SET size = 13 WHERE name = 'bad'")
    pair.a.run("INSERT INTO other (name) VALUES ('gate')")
    with pair.b.another() as keeper:
        keeper.execute("SELECT pg_advisory_xact_lock(4711)")
        future = in_thread(pair.forth)
        wait_for(lambda: pair.b.rows(ITEMS) == [("bad", 12), ("x", 2)], what="the parts before the gate")
        wait_for(lambda: pair.b.value(WAITING), what="replay to stand at the gate")
        pair.b.run("SET lock_timeout = '1ms'; UPDATE item SET name = 'by the user' WHERE name = 'x'")
        keeper.commit()
        future.result(30)
    assert pair.b.column("SELECT name FROM other") == ["gate"]


def test_a_transaction_of_the_source_becomes_visible_as_one(pair: Pair) -> None:
    pair.b.run(GATE)
    pair.a.run(
        "INSERT INTO item (name, size) VALUES ('x', 1); INSERT INTO item (name, size) VALUES ('bad', 12);"
        " UPDATE item SET size = 13 WHERE name = 'bad'; INSERT INTO other (name) VALUES ('gate')"
    )
    with pair.b.another() as keeper:
        keeper.execute("SELECT pg_advisory_xact_lock(4711)")
        future = in_thread(pair.forth)
        wait_for(lambda: pair.b.value(WAITING), what="replay to stand at the gate")
        assert pair.b.rows(ITEMS) == []
        keeper.commit()
        future.result(30)
    assert pair.b.rows(ITEMS) == [("bad", 12), ("x", 1)]


def test_a_link_that_is_paused_between_two_parts_goes_on_with_the_rest(pair: Pair) -> None:
    pair.b.run(GATE)
    pair.a.run("INSERT INTO other (name) VALUES ('gate')")
    pair.a.run("INSERT INTO item (name, size) VALUES ('bad', 12); UPDATE item SET size = 13 WHERE name = 'bad'")
    pair.a.run("INSERT INTO item (name, size) VALUES ('x', 1)")
    replayer = pair.replayer()
    position, _ = replayer.position()
    with pair.b.another() as keeper:
        keeper.execute("SELECT pg_advisory_xact_lock(4711)")
        future = in_thread(lambda: replayer.replay(position, replayer.window(position)))
        wait_for(lambda: pair.b.value(WAITING), what="replay to stand at the gate")
        pausing = in_thread(lambda: pair.b.run("UPDATE ucrepl.link SET paused = true"))
        wait_for(
            lambda: keeper.execute("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'").fetchall(),
            what="somebody who waits for the position",
        )
        keeper.commit()
        future.result(30)
        pausing.result(30)
    assert replayer.position() == (position, True)
    assert (pair.b.column("SELECT name FROM other"), pair.b.rows(ITEMS)) == (["gate"], [])
    pair.b.run("UPDATE ucrepl.link SET paused = false")
    pair.forth()
    assert pair.b.rows(ITEMS) == [("bad", 12), ("x", 1)]
    assert pair.b.column("SELECT name FROM other") == ["gate"]
