"""What is left of ucrepl on an Odoo database after `uninstall`: nothing."""

import difflib
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.support.databases import MakeDatabase
from tests.support.odoo import templates
from tests.support.pair import Pair, value
from tests.support.site import Site
from ucrepl.throwaway import Server

TEMPLATES = [
    *templates("odoo18"),
    pytest.param("odoo14", marks=[pytest.mark.xdist_group("odoo14"), pytest.mark.long]),
]


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_the_schema_is_the_same_before_install_and_after_uninstall(
    template: str, database: MakeDatabase, server: Server, tmp_path: Path
) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template))
    before = schema(server, pair.turin)
    pair.run("install")
    pair.run("install")
    pair.run("seed", "--same-ids")
    with Site(pair.turin, 0) as turin, Site(pair.milan, 1, may_write=lambda _table, _column: False) as milan:
        turin.work(20)
        milan.work(20)
    pair.drain()
    assert schema(server, pair.turin) != before

    pair.run("uninstall")
    pair.run("uninstall")

    for dsn in (pair.turin, pair.milan):
        drop_sequences_of_new_records(dsn, before)
        assert not list(difflib.unified_diff(before, schema(server, dsn), lineterm="", n=1))
        assert value(dsn, "SELECT count(*) FROM pg_extension WHERE extname = 'hstore'") == 0


def drop_sequences_of_new_records(dsn: str, before: list[str]) -> None:
    """Drop the PostgreSQL sequences of ir.sequence that have come meanwhile: they are Odoo's, as their rows are."""
    with psycopg.connect(dsn) as connection:
        for (name,) in connection.execute(
            r"SELECT relname FROM pg_class WHERE relkind = 'S' AND relname ~ '^ir_sequence_\d+(_\d+)?$'"
        ).fetchall():
            if f"CREATE SEQUENCE public.{name}" not in before:
                connection.execute(sql.SQL("DROP SEQUENCE {}").format(sql.Identifier(name)))


def schema(server: Server, dsn: str) -> list[str]:
    """The schema of a database, without the key that newer versions of pg_dump make up anew each time."""
    dump = server.run("pg_dump", "-s", str(conninfo_to_dict(dsn)["dbname"]))
    return [line for line in dump.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
