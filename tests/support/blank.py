"""Empty databases that are swept after use and used again: that is quicker than to drop one and to make another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from tests.support.databases import Databases, MakeDatabase
from ucrepl.throwaway import Server

_SWEEP: Final = """
    SET lock_timeout = '5s';
    SET client_min_messages = error;
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    DO $$
    DECLARE
        thing name;
    BEGIN
        EXECUTE format('ALTER DATABASE %I RESET ALL', current_database());
        FOR thing IN SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' LOOP
            EXECUTE format('DROP EXTENSION %I CASCADE', thing);
        END LOOP;
        FOR thing IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', thing);
        END LOOP;
        CREATE SCHEMA public;
        GRANT ALL ON SCHEMA public TO PUBLIC;
    END$$;
"""


class BlankDatabases:
    """The databases of a server that are swept and free."""

    def __init__(self, server: Server, databases: Databases) -> None:
        self._server = server
        self._databases = databases
        self._free: list[str] = []

    @contextmanager
    def lending(self, database: MakeDatabase) -> Iterator[MakeDatabase]:
        """Does what `database` does, but lends a swept database where an empty one without a name is asked for."""
        lent: list[str] = []

        def make(template: str = "empty", name: str | None = None) -> str:
            if template != "empty" or name:
                return database(template, name)
            lent.append(self._free.pop() if self._free else self._databases.create())
            return self._server.dsn(lent[-1])

        yield make
        for name in lent:
            self._take_back(name)

    def _take_back(self, name: str) -> None:
        try:
            with psycopg.connect(self._server.dsn(name), autocommit=True) as connection:
                connection.execute(_SWEEP.encode())
        except psycopg.Error:
            self._databases.drop(name)
        else:
            self._free.append(name)
