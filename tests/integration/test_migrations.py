"""The node's schema built from zero equals one that was brought up step by step."""

import re

import pytest

from tests.support.databases import MakeDatabase
from tests.support.dump import schema_dump
from ucrepl.config import Config
from ucrepl.db.connect import connect
from ucrepl.db.sqlfiles import root
from ucrepl.errors import RefusedError
from ucrepl.link.install import install_node, install_schema
from ucrepl.link.node import identify, newest_version, schema_version
from ucrepl.link.nodes import Nodes
from ucrepl.link.uninstall import uninstall

VERSIONS = range(1, newest_version() + 1)


def test_migrations_are_numbered_without_a_gap() -> None:
    assert sorted(int(file.name[:4]) for file in (root() / "migrations").iterdir()) == list(VERSIONS)


@pytest.mark.parametrize("hstore", ["", "CREATE EXTENSION hstore"], ids=["with our hstore", "with theirs"])
def test_from_zero_and_from_every_version_it_comes_to_the_same(database: MakeDatabase, hstore: str) -> None:
    dumps = {}
    for version in [None, *VERSIONS]:
        dsn = database()
        with connect(dsn) as connection:
            connection.execute("CREATE TABLE public.t (id serial PRIMARY KEY)")
            if hstore:
                connection.execute(hstore.encode() + b" SCHEMA public")
            if version is not None:
                install_schema(connection, "turin", up_to=version)
                assert schema_version(connection) == version
            install_node(connection, "turin")
            assert schema_version(connection) == newest_version()
            connection.execute("INSERT INTO public.t DEFAULT VALUES")
        dumps[version] = re.sub(
            r"(ucrepl_capture[a-z_]*)_[0-9]+", r"\1", schema_dump(dsn)
        )  # names with the table's oid
    for version in VERSIONS:
        assert dumps[version] == dumps[None], version


def test_step_by_step(database: MakeDatabase) -> None:
    by_steps, at_once = database(), database()
    with connect(by_steps) as connection:
        for version in VERSIONS:
            install_schema(connection, "turin", up_to=version)
        uuid = connection.execute("SELECT uuid FROM ucrepl.node").fetchall()
        install_schema(connection, "turin")
        assert connection.execute("SELECT uuid FROM ucrepl.node").fetchall() == uuid
    with connect(at_once) as connection:
        install_schema(connection, "turin")
    assert schema_dump(by_steps) == schema_dump(at_once)


@pytest.mark.parametrize("version", [v for v in VERSIONS if v < newest_version()])
def test_an_older_schema_is_named_and_can_be_taken_off(database: MakeDatabase, version: int) -> None:
    dsn = database()
    before = schema_dump(dsn)
    with connect(dsn) as connection:
        install_schema(connection, "turin", up_to=version)
        with pytest.raises(
            RefusedError, match=f"has version {version}, this program needs {newest_version()}"
        ) as refused:
            identify(connection, "turin")
        assert refused.value.hint == "run: ucrepl install"
    config = Config.model_validate({"nodes": {"turin": {"dsn": dsn}}})
    with Nodes(config, "uninstall") as nodes:
        uninstall(config, nodes, ["turin"])
    assert schema_dump(dsn) == before
