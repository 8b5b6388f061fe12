"""Some tables of a link are seeded, the others later: what is seeded follows the source, the rest stays as it was."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.links import FORTH, MakePair, Pair
from tests.integration.test_seed_copy import PARTNERS, TAGS, filled, seed
from tests.support.waiting import wait_for
from ucrepl.db.connect import connect
from ucrepl.errors import UsageError
from ucrepl.link.lock import try_lock, unlock
from ucrepl.link.seed.copy import Copier

COUNTRIES = "SELECT code, name FROM country WHERE code <> 'ES' ORDER BY code"


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return filled(make_pair)


def state_of(pair: Pair) -> tuple[bool, bool, list[str]]:
    """Whether the link is being seeded, whether it is seeded, and the tables that are done."""
    [(seeding, seeded)] = pair.b.rows("SELECT seeding, seeded_at IS NOT NULL FROM ucrepl.link")
    done = "SELECT table_name FROM ucrepl.seeded_table JOIN ucrepl.table_name USING (table_id) WHERE done ORDER BY 1"
    return seeding, seeded, pair.b.column(done)


def test_the_others_come_later(pair: Pair) -> None:
    pair.a.run("UPDATE country SET name = 'Italie' WHERE code = 'IT'")  # in the rows and in the journal
    seeded = seed(pair, FORTH, "country", "public.tag")
    assert (seeded.tables, seeded.rows, seeded.left) == (2, 5, 4)
    assert state_of(pair) == (False, False, ["country", "tag"])
    pair.assert_same(COUNTRIES)
    assert pair.b.value("SELECT count(*) FROM partner") == 2
    assert pair.forth().applied == 0
    assert seed(pair, FORTH, "tag").already

    pair.a.run("UPDATE country SET name = 'Allemagne' WHERE code = 'DE'; UPDATE partner SET name = 'x' WHERE id = 4")
    assert pair.forth().applied == 1
    assert [p.reason for p in pair.b.parked()] == ["missing"]  # the partner is not known here yet
    pair.assert_same(COUNTRIES)

    rest = seed(pair)
    assert (rest.tables, rest.left) == (4, 0)
    assert state_of(pair)[:2] == (False, True)
    pair.assert_same(PARTNERS)
    pair.assert_same(TAGS)
    assert pair.forth().applied == 0
    assert seed(pair).already
    pair.assert_clean()


def test_what_refers_to_a_record_that_is_not_seeded_is_parked_until_it_is(pair: Pair) -> None:
    seeded = seed(pair, FORTH, "partner")
    parked = pair.b.parked()
    assert (seeded.rows, seeded.parked) == (100, len(parked))
    assert {p.reason for p in parked} == {"unresolved"}
    assert 0 < len(parked) < 100  # Italy, France and Ada were recognised
    assert pair.b.value("SELECT count(*) FROM country") == 3

    seed(pair)
    pair.assert_same(PARTNERS)
    pair.assert_same(COUNTRIES)
    pair.assert_clean()
    pair.forth()
    pair.assert_clean()


def test_what_was_replayed_meanwhile_is_not_replayed_again(pair: Pair) -> None:
    seed(pair, FORTH, "country")
    pair.a.run("UPDATE country SET name = 'Italie' WHERE code = 'IT'")
    assert pair.forth().applied == 1
    pair.b.run("UPDATE country SET name = 'ours' WHERE code = 'IT'")
    pair.a.run("UPDATE country SET name = 'Allemagne' WHERE code = 'DE'")

    seed(pair)

    assert pair.forth().applied == 1
    assert pair.b.column("SELECT name FROM country WHERE code IN ('DE', 'IT') ORDER BY code") == ["Allemagne", "ours"]
    pair.assert_clean()


def test_what_is_gone_goes_from_the_chosen_tables_only(pair: Pair) -> None:
    pair.a.run("INSERT INTO tag (name) VALUES ('new tag'); INSERT INTO country (code) VALUES ('XX')")
    pair.forth()
    pair.a.run("DELETE FROM tag WHERE name = 'new tag'; DELETE FROM country WHERE code = 'XX'")
    seed(pair, FORTH, "tag")
    assert pair.b.column("SELECT name FROM tag ORDER BY 1") == ["one", "two"]
    assert pair.b.value("SELECT count(*) FROM country WHERE code = 'XX'") == 1
    pair.forth()
    assert pair.b.value("SELECT count(*) FROM country WHERE code = 'XX'") == 0


def test_all_tables_one_by_one_are_the_whole_link(pair: Pair) -> None:
    for table in ("country", "tag", "setting"):
        assert seed(pair, FORTH, table).left > 0
    assert seed(pair, FORTH, "partner", "users", "partner_tag").left == 0
    assert state_of(pair)[:2] == (False, True)
    pair.assert_same(PARTNERS)
    pair.assert_clean()
    assert pair.forth().applied == 0


def test_an_interrupted_one_is_to_be_finished(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: Copier) -> None:
        raise RuntimeError("cut short")

    with monkeypatch.context() as patched:
        patched.setattr(Copier, "copy", lambda self, _group: fail(self))
        with pytest.raises(RuntimeError, match="cut short"):
            seed(pair, FORTH, "country")
    assert state_of(pair) == (True, False, [])
    seed(pair, FORTH, "tag")
    assert state_of(pair) == (True, False, ["tag"])
    seed(pair, FORTH, "country")
    assert state_of(pair) == (False, False, ["country", "tag"])
    pair.assert_same(COUNTRIES)


def test_one_that_waited_for_another_does_its_own(pair: Pair) -> None:
    link_id = pair.replayer().link_id
    pair.close_links()
    with connect(pair.b.dsn) as other, ThreadPoolExecutor(1) as pool:
        assert try_lock(other, link_id)
        waiting = pool.submit(seed, pair, FORTH, "tag")
        wait_for(lambda: state_of(pair)[0], what="the second seeding to begin")
        other.execute("UPDATE ucrepl.link SET seeding = false")  # as the first one does at its end
        unlock(other, link_id)
        assert waiting.result().rows == 2
    assert state_of(pair) == (False, False, ["tag"])


def test_a_table_that_is_not_there_is_refused(pair: Pair) -> None:
    with pytest.raises(UsageError, match="no table 'countri'") as raised:
        seed(pair, FORTH, "tag", "countri")
    assert raised.value.hint == "did you mean 'country'?"
    assert state_of(pair) == (False, False, [])
    assert pair.b.value("SELECT count(*) FROM tag") == 0
