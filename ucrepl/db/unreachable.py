"""Why a connection failed: from libpq's many lines to one reason and one hint.

libpq gives no SQLSTATE for a connection that did not come about, only text. A server that speaks another
language than English gets the general hint.
"""

import re
from typing import Final

from ucrepl.dsn import redact

_PREFIX: Final = re.compile(
    r"^(?:connection (?:failed|is bad): )?(?:connection to server (?:at|on socket) .*? failed: )?(?:FATAL:\s+)?"
)

# What stands in the first line, and what mends it. The first that fits wins.
_HINTS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        (
            r'database ".*" does not exist',
            "correct 'dbname' in the node's 'dsn', or create the database with 'createdb'",
        ),
        (
            r'role ".*" does not exist',
            "correct 'user' in the node's 'dsn', or create the role with 'createuser'",
        ),
        (
            r"password authentication failed|no password supplied",
            "put the password in ~/.pgpass of the user who runs ucrepl, or write 'password=${VAR}' in the node's 'dsn'",
        ),
        (
            r"(?:peer|ident) authentication failed",
            "run ucrepl as the system user of that name, or map the two in pg_ident.conf of the server",
        ),
        (
            r"no pg_hba\.conf entry|pg_hba\.conf rejects|authentication failed",
            "let this user, database and address in with a line in pg_hba.conf of the server, then 'pg_ctl reload'",
        ),
        (r"is not permitted to log in", "ALTER ROLE … LOGIN, or correct 'user' in the node's 'dsn'"),
        (r"permission denied for database", "GRANT CONNECT ON DATABASE … TO the role in the node's 'dsn'"),
        (
            r"not currently accepting connections",
            "ALTER DATABASE … ALLOW_CONNECTIONS true, if this database is meant to be used",
        ),
        (
            r"too many (?:clients|connections)|remaining connection slots",
            "raise max_connections of the server, or the CONNECTION LIMIT of the role or database",
        ),
        (
            r"is starting up|is shutting down|in recovery mode|not yet accepting",
            "wait until the server is up; 'ucrepl run' tries again by itself",
        ),
        (
            r"No such file or directory",
            "start PostgreSQL, or correct 'host' (the folder of the socket) and 'port' in the node's 'dsn'",
        ),
        (
            r"Connection refused",
            "start PostgreSQL, set its listen_addresses, or correct 'host' and 'port' in the node's 'dsn'",
        ),
        (r"port number|Servname not supported", "correct 'port' in the node's 'dsn'"),
        (
            r"resolve host|translate host name|Name or service not known",
            "correct 'host' in the node's 'dsn', or the name service of this machine",
        ),
        (
            r"time-?out|timed out|No route to host|Network is unreachable|Host is down",
            "look at the network and the firewalls on the way, or correct 'host' and 'port' in the node's 'dsn'",
        ),
        (
            r"Permission denied",
            "let the user who runs ucrepl into the folder of the socket, or connect over TCP with 'host=localhost'",
        ),
        (r"definition of service", "correct 'service' in the node's 'dsn', or add it to pg_service.conf"),
        (
            r"read-only|hot standby|not in hot standby",
            "name the primary in the node's 'dsn': a standby can't be a node",
        ),
        (r"\bSSL\b|sslmode|certificate", "correct 'sslmode' and 'sslrootcert' in the node's 'dsn'"),
    )
)


def reason_and_hint(text: str, shown: str) -> tuple[str, str]:
    """Return the first line of libpq's `text`, without its preamble, and a hint that fits it.

    `shown` is the connection string as it may be shown.
    """
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    reason = redact(_PREFIX.sub("", first) or first)
    for pattern, hint in _HINTS:
        if pattern.search(reason):
            return reason, hint
    return reason, f'try it by hand: psql "{shown}"'
