"""A batch goes through as a whole: what is left out, or has no place here, is no reason to take it apart."""

import pytest

from tests.integration.links import MakePair, Pair

ITEM = "CREATE TABLE item (id serial PRIMARY KEY, name text)"
LOG = "CREATE TABLE log (k text PRIMARY KEY, name text)"
SKIPPED = ({"table": "log", "skip": True, "name": "no logs"},)


@pytest.fixture
def skipping(make_pair: MakePair) -> Pair:
    """Items, and a log that a rule leaves out."""
    pair = make_pair(f"{ITEM}; {LOG}", rules=SKIPPED)
    pair.a.run("INSERT INTO item (name) VALUES ('x'); INSERT INTO log VALUES ('a', 'A'), ('b', 'B')")
    pair.forth()
    return pair


@pytest.fixture
def lacking(make_pair: MakePair) -> Pair:
    """Items, and a log that the target has not."""
    pair = make_pair(ITEM, installed=False)
    pair.a.run(LOG)
    pair.install()
    return pair


def goes_as_a_whole(pair: Pair, log: str) -> None:
    """Writes to the log amid changes of an item that have to be merged."""
    pair.a.run(f"BEGIN; UPDATE item SET name = 'y'; {log}; UPDATE item SET name = 'z'; COMMIT")
    drained = pair.forth()
    assert (len(drained.batches), drained.finer, drained.applied) == (1, False, 1)
    pair.assert_same("SELECT name FROM item")
    pair.assert_clean()


@pytest.mark.parametrize(
    "log",
    [
        "UPDATE log SET name = 'AA' WHERE k = 'a'; UPDATE log SET name = 'AAA' WHERE k = 'a'",
        "INSERT INTO log VALUES ('c', 'C'); DELETE FROM log WHERE k = 'c'; INSERT INTO log VALUES ('c', 'C')",
        "UPDATE log SET k = 'c' WHERE k = 'a'; UPDATE log SET name = 'C' WHERE k = 'c'",
        "DELETE FROM log WHERE k = 'a'; TRUNCATE log; INSERT INTO log VALUES ('a', 'A'); TRUNCATE log",
    ],
    ids=["updates", "deletes and inserts", "updates of keys", "truncates"],
)
def test_changes_of_a_skipped_table(skipping: Pair, log: str) -> None:
    before = skipping.b.value("SELECT skipped FROM ucrepl.link WHERE name = 'turin->milan'")
    changes = skipping.a.value("SELECT count(*) FROM ucrepl.journal")
    goes_as_a_whole(skipping, log)
    left_out = skipping.a.value("SELECT count(*) FROM ucrepl.journal") - changes - 2
    assert skipping.b.value("SELECT skipped FROM ucrepl.link WHERE name = 'turin->milan'") - before == left_out
    assert skipping.b.rows("SELECT FROM log") == []


@pytest.mark.parametrize(
    "log",
    [
        "INSERT INTO log VALUES ('a', 'A'); UPDATE log SET k = 'b'; UPDATE log SET name = 'B'",
        "INSERT INTO log VALUES ('a', 'A'), ('b', 'B'); TRUNCATE log; INSERT INTO log VALUES ('a', 'again')",
        "INSERT INTO log VALUES ('a', 'A'); UPDATE log SET k = 'b'; INSERT INTO log VALUES ('a', 'B'); DELETE FROM log",
        "INSERT INTO log VALUES ('a', 'A'); TRUNCATE log; INSERT INTO log VALUES ('a', 'B'); DELETE FROM log",
    ],
    ids=["a key", "a truncate", "a key and its old one deleted", "a truncate and a delete"],
)
@pytest.mark.parametrize("begun", [False, True], ids=["new", "with rows that are held"])
def test_changes_of_a_table_that_is_missing(lacking: Pair, log: str, *, begun: bool) -> None:
    lacking.a.run("INSERT INTO item (name) VALUES ('x')")
    if begun:
        first, _, log = log.partition(";")
        lacking.a.run(first)
    lacking.forth()
    goes_as_a_whole(lacking, log)
    lacking.b.run(LOG)
    lacking.close_links()
    lacking.forth()
    lacking.assert_same("SELECT * FROM log ORDER BY k")
    assert lacking.b.held() == []
    lacking.assert_clean()
