"""From the copy to the journal: whatever is written while a link is seeded arrives once."""

import random
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import psycopg
import pytest

from tests.integration.links import BACK, FORTH, MakePair, Pair
from tests.integration.test_seed_copy import PARTNERS, RULES, TABLES, TAGS, fill, filled, seed
from tests.support.cli import two_node_config, ucrepl, ucrepl_running
from tests.support.daemon import daemon_running
from tests.support.waiting import wait_for
from ucrepl.errors import RefusedError
from ucrepl.link.seed.copy import Copier
from ucrepl.link.seed.lane import Lane
from ucrepl.link.seed.recognise import Recogniser

LINK = "turin->milan"


class CutShortError(Exception):
    """The seeding ends here."""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return filled(make_pair)


def assert_level(pair: Pair) -> None:
    for statement in (PARTNERS, TAGS):
        pair.assert_same(statement)
    assert pair.b.value("SELECT count(*) FROM users") == pair.a.value("SELECT count(*) FROM users")
    assert [p.message for p in pair.b.parked()] == []


class Busy:
    """Somebody who writes to the source each time that the seeding does something."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.dice = random.Random(7)  # noqa: S311 - to be the same each time
        self.number = 0

    def write(self) -> None:
        self.number += 1
        n, dice = self.number, self.dice
        some = f"(SELECT id FROM partner ORDER BY md5(id::text || '{dice.random()}') LIMIT 1)"
        statements = dice.choice(
            [
                [f"UPDATE partner SET name = 'changed {n}', country_id = {n % 3 + 1} WHERE id = {some}"],
                [f"UPDATE partner SET parent_id = {some} WHERE id = {some}"],
                [f"INSERT INTO partner (ref, name, parent_id) VALUES ('N{n}', 'new {n}', {some})"],
                [
                    f"INSERT INTO users (login, partner_id) SELECT 'user {n}', {some}",
                    f"UPDATE partner SET user_id = (SELECT max(id) FROM users) WHERE id = {some}",
                ],
                [f"INSERT INTO partner_tag SELECT {some}, {n % 2 + 1} ON CONFLICT DO NOTHING"],
                ["DELETE FROM partner_tag WHERE partner_id = (SELECT min(partner_id) FROM partner_tag)"],
                [
                    # the same record again, under its old id
                    f"CREATE TEMPORARY TABLE t ON COMMIT DROP AS SELECT * FROM partner WHERE id = {some}",
                    "DELETE FROM partner WHERE id = (SELECT id FROM t)",
                    "INSERT INTO partner SELECT * FROM t",
                    f"UPDATE partner SET name = 'again {n}' WHERE id = (SELECT id FROM t)",
                ],
                [f"DELETE FROM partner WHERE id = {some}"],
            ]
        )
        with psycopg.connect(self.pair.a.dsn) as connection, suppress(psycopg.errors.IntegrityError):
            for statement in statements:
                connection.execute(statement.encode())


@pytest.fixture
def between_all_steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Has something done before each statement that the seeding runs on the target."""

    def patch(do: Callable[[], None]) -> None:
        run = Lane.run

        def busy_run(lane: Lane, *args: object) -> object:
            do()
            return run(lane, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(Lane, "run", busy_run)

    return patch


def test_a_transaction_between_every_two_steps(
    pair: Pair, between_all_steps: Callable[[Callable[[], None]], None]
) -> None:
    busy = Busy(pair)
    between_all_steps(busy.write)
    seed(pair)
    assert busy.number > 30
    drained = pair.forth()

    assert drained.applied > 0
    assert_level(pair)
    assert pair.b.conflicts() == []
    assert pair.forth().applied == 0


def test_a_second_run_changes_nothing(pair: Pair) -> None:
    seed(pair)
    before = pair.b.rows("SELECT ctid, xmin, * FROM partner ORDER BY id")
    assert seed(pair).already
    assert pair.b.rows("SELECT ctid, xmin, * FROM partner ORDER BY id") == before


def test_what_was_interrupted_goes_on(pair: Pair, between_all_steps: Callable[[Callable[[], None]], None]) -> None:
    """The seeding fails at every step in turn, and somebody writes between the attempts."""
    busy = Busy(pair)
    attempts = 0

    def countdown(steps: int) -> Callable[[], None]:
        left = iter(range(steps))

        def tick() -> None:
            if next(left, None) is None:
                raise CutShortError

        return tick

    do: list[Callable[[], None]] = [lambda: None]
    between_all_steps(lambda: do[0]())  # noqa: PLW0108 - it is another one in each attempt
    while True:
        attempts += 1
        do[0] = countdown(7 * attempts)
        with suppress(CutShortError):
            seed(pair)
            break
        busy.write()
    do[0] = lambda: None
    assert attempts > 5
    pair.forth()
    assert_level(pair)
    assert pair.forth().applied == 0


def test_references_that_had_to_wait_are_filled_in_after_an_interruption(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(_self: Copier) -> None:
        raise CutShortError

    with monkeypatch.context() as patched:
        patched.setattr(Copier, "fill_in", cut_short)
        with pytest.raises(CutShortError):
            seed(pair)
    assert pair.b.value("SELECT bool_and(done) FROM ucrepl.seeded_table")
    assert pair.b.value("SELECT count(*) FROM ucrepl.postponed") > 0
    seed(pair)
    assert_level(pair)
    assert pair.b.value("SELECT count(*) FROM ucrepl.postponed") == 0


def test_a_link_is_not_replayed_while_its_seeding_is_unfinished(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, both_ways=False, rules=RULES)

    def fail(_self: Recogniser) -> int:
        raise RefusedError("no more today")

    with monkeypatch.context() as patched:
        patched.setattr(Recogniser, "recognise_named", fail)
        with pytest.raises(RefusedError, match="no more today"):
            seed(pair)
    done = ucrepl("run", "--drain", config=config, check=False)
    assert (done.returncode, "ucrepl seed" in done.stderr) == (5, True)
    assert '"paused"' in ucrepl("status", "--json", config=config).stdout
    assert pair.b.value("SELECT count(*) FROM partner") == 2

    ucrepl("seed", LINK, config=config)
    ucrepl("run", "--drain", config=config)
    assert_level(pair)


def test_a_daemon_lets_go_and_goes_on(pair: Pair, tmp_path: Path) -> None:
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, both_ways=False, rules=RULES)
    with daemon_running(config) as daemon:
        pair.a.run("INSERT INTO partner (ref, name) VALUES ('early', 'early')")
        wait_for(lambda: pair.b.column("SELECT name FROM partner WHERE ref = 'early'"), what="the daemon to replay")
        ucrepl("seed", LINK, config=config)
        daemon.wait_for_line("standby: the link is being seeded", link=LINK)
        pair.a.run("INSERT INTO partner (ref, name) VALUES ('late', 'late'); DELETE FROM partner WHERE ref = 'early'")
        wait_for(lambda: pair.b.column("SELECT name FROM partner WHERE ref = 'late'"), what="the daemon to go on")
        wait_for(lambda: not pair.b.column("SELECT name FROM partner WHERE ref = 'early'"), what="the delete")
    assert_level(pair)


def test_what_was_replayed_and_then_deleted_is_gone_after_seeding(pair: Pair) -> None:
    pair.a.run("INSERT INTO partner (ref, name) VALUES ('early', 'early')")
    pair.forth()
    pair.a.run("DELETE FROM partner WHERE ref = 'early'; DELETE FROM partner_tag WHERE partner_id = 10")
    seed(pair)
    assert_level(pair)
    assert pair.b.column("SELECT name FROM partner WHERE ref = 'early'") == []
    assert pair.b.column("SELECT name FROM partner WHERE ref = 'own'") == ["milan only"]


def test_both_ways(make_pair: MakePair) -> None:
    """What either side had, and what was written on both after install, is on both sides in the end."""
    pair = make_pair(TABLES, installed=False, rules=RULES)
    fill(pair)
    pair.install()
    pair.a.run("UPDATE partner SET name = 'changed in turin' WHERE ref = 'R3'")
    pair.b.run("UPDATE country SET name = 'changed in milan' WHERE code = 'IT'; INSERT INTO tag (name) VALUES ('new')")
    seed(pair, FORTH)
    pair.a.run("UPDATE country SET name = 'Deutschland' WHERE code = 'DE'")
    seed(pair, BACK)
    pair.b.run("UPDATE country SET name = 'España' WHERE code = 'ES'")
    pair.settle()

    pair.assert_same(PARTNERS.replace("WHERE p.ref <> 'own'", ""))
    countries = pair.assert_same("SELECT code, name FROM country ORDER BY code")
    assert countries == [("DE", "Deutschland"), ("ES", "España"), ("FR", "France"), ("IT", "changed in milan")]
    assert pair.assert_same("SELECT name FROM tag ORDER BY 1") == [("new",), ("one",), ("two",)]
    assert pair.assert_same("SELECT ref, name FROM partner WHERE ref IN ('own', 'R3') ORDER BY 1") == [
        ("R3", "changed in turin"),
        ("own", "milan only"),
    ]
    assert [*pair.a.parked(), *pair.b.parked()] == []


@pytest.mark.long
@pytest.mark.slow
def test_killed_at_twenty_moments(pair: Pair, tmp_path: Path) -> None:
    config = two_node_config(tmp_path, pair.a.dsn, pair.b.dsn, both_ways=False, rules=RULES)
    busy = Busy(pair)
    pair.a.run(
        "INSERT INTO partner (ref, name, parent_id) SELECT 'M' || n, 'm ' || n, n % 100 + 1"
        " FROM generate_series(1, 50000) AS n"
    )
    chance = random.Random(3)  # noqa: S311 - to be the same each time
    ends = []
    for _ in range(20):
        with ucrepl_running("seed", LINK, config=config, log=tmp_path / "seed.log") as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.4, 1.8))  # at any moment, from its first connection on
            process.kill()
        ends.append(process.returncode)
        busy.write()
    ucrepl("seed", LINK, config=config)
    assert ends.count(-SIGKILL) > 3
    pair.forth()
    assert_level(pair)
    assert pair.forth().applied == 0
