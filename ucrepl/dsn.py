"""Connection strings made fit to be shown: in messages, in logs, in hints."""

import re
from typing import Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_SHOWN: Final = ("service", "host", "hostaddr", "port", "dbname", "user")
_HIDDEN: Final = "***"

# `password=x`, `password='x y'`, `"password": "x"`, PGPASSWORD=x, ALTER ROLE … PASSWORD 'x'.
# An unquoted value goes on to the next blank: to hide too much is the safe side.
_KEYWORD: Final = re.compile(
    r"""(?ix)
    ( \w* (?:password|passwd) ["']? )
    (?: ( \s* [=:] \s* ) (?: '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | (?:[^\s\\]|\\.)+ )
      | ( \s+ ) '(?:[^'\\]|\\.|'')*' )
    """
)
# postgresql://user:x@host, and any other scheme.
_URL: Final = re.compile(r"""(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@?#'"]*:)[^\s'"]*@""")


def redact(text: str) -> str:
    """Return `text` with every password of a connection string in it replaced by `***`."""
    text = _URL.sub(rf"\1{_HIDDEN}@", text)
    return _KEYWORD.sub(lambda m: f"{m[1]}{m[2] or m[3]}{_HIDDEN}", text)


def safe_dsn(dsn: str) -> str:
    """Return what of `dsn` (keywords or URL) tells one node from another: never a password.

    A string that libpq can't read comes back as '' rather than in part.
    """
    try:
        given = conninfo_to_dict(dsn)
    except ProgrammingError:
        return ""
    shown = {key: str(given[key]) for key in _SHOWN if given.get(key)}
    return make_conninfo("", **shown)
