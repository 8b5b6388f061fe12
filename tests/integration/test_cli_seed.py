"""`seed` on the command line."""

from pathlib import Path

import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.terminal import BACK, FORTH, Terminal
from ucrepl.db.connect import connect
from ucrepl.link.lock import held

TABLES = """
    CREATE TABLE partner (id serial PRIMARY KEY, ref text UNIQUE, name text);
    INSERT INTO partner (ref, name) SELECT 'R' || i, 'name ' || i FROM generate_series(1, 50) AS i;
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair(TABLES)


def mapped(pair: Pair) -> list[int]:
    return [side.value("SELECT count(*) FROM ucrepl.identity_map") for side in (pair.a, pair.b)]


def test_all_links_are_seeded(pair: Pair, tmp_path: Path) -> None:
    said = Terminal(pair, tmp_path)("seed", "--same-ids")
    assert said.out == ""
    assert said.err.splitlines() == [
        f"{FORTH}: 50 records of 1 table paired",
        f"{BACK}: 50 records of 1 table paired",
    ]
    assert mapped(pair) == [50, 50]


def test_a_link_is_seeded_with_its_way_back(pair: Pair, tmp_path: Path) -> None:
    said = Terminal(pair, tmp_path)("seed", "--same-ids", BACK)
    assert f"its way back '{FORTH}' needs the same pairs" in said.err
    assert mapped(pair) == [50, 50]


def test_a_one_way_link_has_no_way_back(pair: Pair, tmp_path: Path) -> None:
    pair.configure(both_ways=False)
    said = Terminal(pair, tmp_path)("seed", "--same-ids", FORTH)
    assert said.err.splitlines() == [f"{FORTH}: 50 records of 1 table paired"]
    assert mapped(pair) == [0, 50]


def test_seeding_again_does_nothing(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    terminal("seed", "--same-ids")
    said = terminal("seed", "--same-ids")
    assert [line.partition(", on")[0] for line in said.err.splitlines()] == [
        f"{FORTH}: seeded already",
        f"{BACK}: seeded already",
    ]
    assert mapped(pair) == [50, 50]


def test_which_of_several_links_is_copied_first_has_to_be_said(pair: Pair, tmp_path: Path) -> None:
    message, hint = Terminal(pair, tmp_path).refused("seed", code=2)
    assert "there is more than one link" in message
    assert f"ucrepl seed '{FORTH}'" in hint
    assert mapped(pair) == [0, 0]


def test_a_link_is_copied(pair: Pair, tmp_path: Path) -> None:
    pair.b.run("DELETE FROM partner WHERE id > 10; SELECT setval('partner_id_seq', 1000)")
    terminal = Terminal(pair, tmp_path)
    said = terminal("seed", FORTH)
    assert said.err.splitlines()[-1] == f"{FORTH}: 50 rows of 1 table copied, 10 records recognised"
    pair.assert_same("SELECT ref, name FROM partner ORDER BY 1")
    assert terminal("seed", FORTH).err == f"{FORTH}: seeded already; one table again: ucrepl resync\n"


def test_a_link_that_is_not_there(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    message, hint = terminal.refused("seed", "--same-ids", "turin->milano", code=2)
    assert (message, hint) == ("there is no link 'turin->milano'", f"did you mean {FORTH!r}?")
    message, hint = terminal.refused("seed", "--same-ids", "turin-", code=2)
    assert "quotes" in hint


def test_a_node_that_is_not_installed(make_pair: MakePair, tmp_path: Path) -> None:
    pair = make_pair(TABLES, installed=False)
    message, hint = Terminal(pair, tmp_path).refused("seed", "--same-ids", code=5)
    assert (message, hint) == ("ucrepl is not installed on node 'turin'", "run: ucrepl install")


def test_databases_that_are_no_clones_are_refused(pair: Pair, tmp_path: Path) -> None:
    with pair.b.another(**{"ucrepl.origin": "nobody"}) as unseen:
        unseen.execute("UPDATE public.partner SET ref = 'other' WHERE id = 7")
    message, hint = Terminal(pair, tmp_path).refused("seed", "--same-ids", code=5)
    assert "partner: 1 rows, the first with id 7" in message
    assert "clones" in hint
    assert mapped(pair) == [0, 0]


def test_a_link_that_a_daemon_replays_is_not_seeded(pair: Pair, tmp_path: Path) -> None:
    link_id = pair.replayer().link_id
    with connect(pair.b.dsn) as daemon, held(daemon, link_id, FORTH):
        message, hint = Terminal(pair, tmp_path).refused("seed", "--same-ids", FORTH, code=5)
    assert message == f"a daemon is replaying link {FORTH!r}"
    assert "stop it" in hint
    assert mapped(pair) == [0, 0]
