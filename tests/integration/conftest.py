"""Fixtures of the tests with real databases."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.integration.links")

from tests.integration.links import MakePair, make_pairs  # noqa: E402 - after the line above
from tests.support.databases import MakeDatabase  # noqa: E402


@pytest.fixture
def make_pair(database: MakeDatabase) -> Iterator[MakePair]:
    """Makes two linked databases: `pair = make_pair("CREATE TABLE t (id serial PRIMARY KEY)")`."""
    yield from make_pairs(database)
