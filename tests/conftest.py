"""Fixtures for all tests: one throw-away server for each worker, and databases on it that are there in no time."""

import signal
from collections.abc import Iterator

import pytest

from tests.support.installed import prefer_installed

# A helper with assertions of its own, that tests of more than one folder import.
pytest.register_assert_rewrite("tests.integration.links")
prefer_installed()
# A shell that starts the tests in the background has them ignore SIGINT, and so all that they start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

import ucrepl  # noqa: E402 - the line above decides which one
from tests.support.databases import Databases, MakeDatabase  # noqa: E402
from ucrepl.throwaway import Server  # noqa: E402


def pytest_report_header() -> str:
    return f"ucrepl: {ucrepl.__version__} from {ucrepl.__path__[0]}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    settings = {"max_connections": "400", "max_prepared_transactions": "10", "ucrepl.notify": "on"}
    with Server(settings=settings) as server:
        yield server


@pytest.fixture(scope="session")
def databases(server: Server) -> Databases:
    return Databases(server)


@pytest.fixture
def database(server: Server, databases: Databases) -> Iterator[MakeDatabase]:
    """Makes databases: `dsn = database("odoo18")`."""
    made: list[str] = []

    def make(template: str = "empty", name: str | None = None) -> str:
        made.append(databases.create(template, name))
        return server.dsn(made[-1])

    yield make
    for name in made:
        databases.drop(name)
