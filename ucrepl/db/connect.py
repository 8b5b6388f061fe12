"""Open a connection whose session behaves the same on every server, role and database."""

from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from ucrepl.db.sqlfiles import query
from ucrepl.db.unreachable import reason_and_hint
from ucrepl.dsn import redact, safe_dsn
from ucrepl.errors import ConfigError, RefusedError, UnreachableError

OLDEST_SERVER: Final = 13

# What libpq is told where the connection string is silent. A peer that is gone without a word (power,
# firewall, cable) is noticed after a minute, by keepalives while we wait and by tcp_user_timeout while we
# send. Not sooner: a server that stops reading a COPY while its disk is slow closes the window too.
_NETWORK: Final = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

# What a server, a role or a database may have set otherwise. A name that the server does not know is left
# out. session_replication_role, synchronous_commit and default_transaction_read_only stay the site's own.
_SESSION: Final = {
    # Values in text form, exact and read back the same on either side.
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",  # since PostgreSQL 12 all above 0 mean the same: shortest form that is exact
    "bytea_output": "hex",
    "lc_monetary": "C",
    "array_nulls": "on",
    "xmloption": "content",
    # SQL text read as we write it.
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "search_path": "pg_catalog",
    "client_min_messages": "warning",
    # Rows that a policy hides are an error, never silently missing.
    "row_security": "off",
    # Time limits are set where they are wanted, with SET LOCAL.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",  # PostgreSQL 14
    "transaction_timeout": "0",  # PostgreSQL 17
    "default_transaction_isolation": "read committed",
    # Hundreds of expressions over a short batch: compiling them takes longer than running them.
    "jit": "off",
    # It saves a few lookups of few values; of many values they cost more than one pass over the map (PostgreSQL 14).
    "enable_memoize": "off",
}


def connect(
    dsn: str,
    *,
    application_name: str = "ucrepl",
    autocommit: bool = True,
    connect_timeout: int = 10,
) -> psycopg.Connection[TupleRow]:
    """Open a connection and pin the settings of its session, in one round trip.

    `dsn` is a libpq connection string or URL; what it says of time-outs (`connect_timeout`, in seconds,
    keepalives) goes before ours, while `application_name` and the encoding (UTF8) are always ours.
    Raises ConfigError for a string that can't be read or used, UnreachableError where no session comes about,
    RefusedError for a server older than PostgreSQL 13. No message shows a password.
    """
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # libpq quotes the piece that it stumbled over, which may be one of a password with a blank in it.
        msg = "the connection string of a node can't be read"
        hint = (
            "write 'dsn' as \"host=… dbname=… user=…\" or as postgresql://user@host/dbname; "
            "a value with blanks goes in single quotes, special characters of a URL are %-encoded"
        )
        raise ConfigError(msg, hint=hint) from None
    defaults = {"connect_timeout": connect_timeout, **_NETWORK}
    try:
        conn = psycopg.connect(
            dsn,
            autocommit=True,  # or a rollback would take the settings back
            application_name=application_name,
            client_encoding="UTF8",
            **{key: value for key, value in defaults.items() if key not in given},  # type: ignore[arg-type]
        )
    except psycopg.OperationalError as error:
        raise _unreachable(dsn, error) from None
    except (psycopg.ProgrammingError, UnicodeError) as error:  # connect_timeout=soon; a host with a label too long
        msg = f"the connection string {safe_dsn(dsn)!r} can't be used: {redact(str(error))}"
        raise ConfigError(msg, hint="correct the node's 'dsn'") from None
    try:
        check_version(conn.info.server_version, dsn)
        conn.execute(query("pin_session"), {"names": list(_SESSION), "settings": list(_SESSION.values())})
        conn.autocommit = autocommit
    except psycopg.OperationalError as error:
        conn.close()
        raise _unreachable(dsn, error) from None
    except BaseException:
        conn.close()
        raise
    return conn


def limit_statements(connection: psycopg.Connection[TupleRow], seconds: float) -> None:
    """Have each of the session's next statements end after so long, with QueryCanceled; 0: none of them."""
    milliseconds = round(seconds * 1000) or int(seconds > 0)
    connection.execute("SELECT pg_catalog.set_config('statement_timeout', %s, false)", [f"{milliseconds}ms"])


def check_version(server_version: int, dsn: str) -> None:
    """Raise RefusedError if `server_version` (libpq's number, as 130004) is older than what we support."""
    if server_version // 10_000 < OLDEST_SERVER:
        major, minor = divmod(server_version, 10_000)
        msg = f"{safe_dsn(dsn)!r} runs PostgreSQL {major}.{minor}, which is too old"
        hint = f"upgrade this server to PostgreSQL {OLDEST_SERVER} or later"
        raise RefusedError(msg, hint=hint)


def _unreachable(dsn: str, error: psycopg.OperationalError) -> UnreachableError:
    shown = safe_dsn(dsn)
    reason, hint = reason_and_hint(str(error), shown)
    return UnreachableError(f"can't connect to {shown!r}: {reason}", hint=hint)
