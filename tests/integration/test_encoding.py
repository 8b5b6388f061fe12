"""Databases that are not in UTF8: every command says so, and nothing else goes wrong."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.links import Pair
from tests.integration.terminal import Terminal
from tests.support.databases import MakeDatabase
from ucrepl.throwaway import Server


@pytest.fixture(params=["LATIN1", "WIN1252", "SQL_ASCII"])
def pair(request: pytest.FixtureRequest, server: Server, database: MakeDatabase) -> Iterator[Pair]:
    """turin in another encoding, with a name that is not ASCII; milan as ever."""
    name = f"in {request.param}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
        connection.execute(
            f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING '{request.param}' LOCALE 'C'".encode()
        )
        with Pair(server.dsn(name), database()) as pair:
            pair.b.run("CREATE TABLE café (id serial PRIMARY KEY, name text)")
            pair.a.run(f"SET client_encoding = '{request.param}'")
            pair.a.connection.execute("CREATE TABLE café (id serial PRIMARY KEY, name text)".encode("latin-1"))
            yield pair
        connection.execute(f'DROP DATABASE "{name}"'.encode())


def test_each_command_refuses_it_with_one_sentence(pair: Pair, tmp_path: Path) -> None:
    terminal = Terminal(pair, tmp_path)
    terminal("install", "milan")
    for command, code in (
        (("install",), 5),
        (("install", "--print"), 5),
        (("seed", "turin->milan"), 5),
        (("seed", "milan->turin"), 5),
        (("seed", "--same-ids"), 5),
        (("run", "--drain"), 5),
        (("verify", "turin->milan"), 5),
    ):
        sentence, hint = terminal.refused(*command, code=code)
        assert sentence.startswith("the database of node 'turin' has the encoding '")
        assert sentence.endswith("', and only 'UTF8' is supported")
        assert "--encoding=UTF8" in hint
    said = terminal("check", code=1)
    assert "only 'UTF8' is supported" in said.out
