"""Two clones of an Odoo that share their ids: in the end both hold the same, ids in texts included."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.support.databases import MakeDatabase
from tests.support.pair import Pair, value
from tests.support.site import Site
from tests.support.tables import read_tables
from tests.support.traffic import Traffic

OTHER_IDS = "SELECT count(*) FROM ucrepl.identity_map WHERE remote_id <> local_id"


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("template", [pytest.param("odoo18", marks=pytest.mark.xdist_group("odoo18"))])
def test_both_sides_work_with_the_same_ids(template: str, database: MakeDatabase, tmp_path: Path) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template), ids="shared")
    traffic = Traffic.of(template)
    pair.run("install")
    pair.run("seed", "--same-ids")
    with (
        Site(pair.turin, 0, may_write=traffic.is_for_turin) as turin,
        Site(pair.milan, 1, may_write=traffic.is_for_milan) as milan,
    ):
        traffic.play(pair.turin, turin)  # it counts on the ids that it would have got without us
        pair.run("ids", "share")
        turin.make_some_of_all()
        milan.make_some_of_all()
        with milan.at_work(at_least=100):
            turin.work(100)

    drained = pair.drain_all()

    assert all(link["applied"] > 100 for link in drained.values())
    assert contents(pair.turin) == contents(pair.milan)
    assert (value(pair.turin, OTHER_IDS), value(pair.milan, OTHER_IDS)) == (0, 0)
    for link in pair.status().values():
        assert (link["parked"], link["conflicts"], link["skipped"], link["lag_rows"]) == (0, 0, 0, 0)
    pair.run("ids", "status")


def contents(dsn: str) -> dict[str, tuple[int, str]]:
    """Of each table the number of its rows, and a hash of all that is in them."""
    with psycopg.connect(dsn) as connection:
        hashed = sql.SQL("SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} AS t")
        tables = read_tables(connection)
        return {label: connection.execute(hashed.format(t.only)).fetchone() for label, t in tables.items()}  # type: ignore[misc]
