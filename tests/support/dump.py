"""The schema of a database as text, to be compared."""

import subprocess

from ucrepl.throwaway import find_binaries

# Newer versions protect psql from the dump with a word that is another one each time.
_CHANGING = ("\\restrict ", "\\unrestrict ")


def schema_dump(dsn: str) -> str:
    """What `pg_dump -s` says of a database."""
    return dump(dsn, "--schema-only")


def dump(dsn: str, *options: str) -> str:
    """What `pg_dump` says of a database: its schema, its rows, and where its sequences are."""
    done = subprocess.run(
        [find_binaries().folder / "pg_dump", *options, f"--dbname={dsn}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return "".join(line for line in done.stdout.splitlines(keepends=True) if not line.startswith(_CHANGING))
