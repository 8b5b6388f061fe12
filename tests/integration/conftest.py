"""Fixtures of the tests with real databases."""

from collections.abc import Iterator

import pytest

from tests.integration.links import MakePair, make_pairs
from tests.support.databases import MakeDatabase


@pytest.fixture
def make_pair(database: MakeDatabase) -> Iterator[MakePair]:
    """Makes two linked databases: `pair = make_pair("CREATE TABLE t (id serial PRIMARY KEY)")`."""
    yield from make_pairs(database)
