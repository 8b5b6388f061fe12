"""Fixtures of the tests with real databases."""

from collections.abc import Iterator

import pytest

from tests.integration.links import MakePair, make_pairs
from tests.integration.workers import Log, logged
from tests.support.blank import BlankDatabases
from tests.support.databases import Databases, MakeDatabase
from ucrepl.throwaway import Server


@pytest.fixture(scope="session")
def blanks(server: Server, databases: Databases) -> BlankDatabases:
    return BlankDatabases(server, databases)


@pytest.fixture
def log() -> Iterator[Log]:
    """The lines that were logged about an event."""
    with logged() as lines:
        yield lines


@pytest.fixture
def make_pair(database: MakeDatabase, blanks: BlankDatabases) -> Iterator[MakePair]:
    """Makes two linked databases: `pair = make_pair("CREATE TABLE t (id serial PRIMARY KEY)")`."""
    with blanks.lending(database) as lent:
        yield from make_pairs(lent)
