"""What to do about an error of PostgreSQL, told by its SQLSTATE (appendix A of PostgreSQL's manual).

Two questions decide. Is it this change, or would every change fail alike? Only what a change's own data can
bring about is parked: an error that meets all changes would park them all, one by one. And will it pass without
anybody's doing? What passes is tried again; what does not ends the link, with the reason in `status`.
"""

from enum import Enum
from typing import Final

import psycopg
from psycopg import errors


class Verdict(Enum):
    """What the link does next. Its transaction has been rolled back in any case."""

    RETRY = "retry"
    """The same batch again soon, with back-off: somebody was in the way."""

    WAIT = "wait"
    """The same batch again after a long delay: the server lacks something that its operators must give it."""

    RECONNECT = "reconnect"
    """The session is lost, or of no more use: a new connection, with back-off, and the same batch."""

    REPLAN = "replan"
    """The tables are not as they were: read the catalogs, compile again, try again.
    Where the new plan equals the old one, this is a STOP."""

    PARK = "park"
    """A change is refused for what it is: go on in a finer grain, and park what still fails."""

    STOP = "stop"
    """Nothing helps but a person, or to go on would do harm."""


_CLASSES: Final = {
    "08": Verdict.RECONNECT,  # connection exception; PgBouncer says 08P01 for most of its own troubles
    "09": Verdict.PARK,  # triggered action exception, by a trigger of the target
    "20": Verdict.PARK,  # a CASE in a trigger of the target that has no branch for this row
    "21": Verdict.PARK,  # two rows where one was meant: a key that is not unique
    "22": Verdict.PARK,  # data exception: too long, out of range, not a number, not in this encoding
    "23": Verdict.PARK,  # integrity constraint violation
    "27": Verdict.PARK,  # a BEFORE trigger of the target that writes to the row that is being written
    "28": Verdict.WAIT,  # password changed, role gone: try seldom, so as not to get locked out
    "2F": Verdict.PARK,  # SQL routine exception, by a function in a trigger of the target
    "38": Verdict.PARK,  # the same for functions in C, Perl, Python ...
    "39": Verdict.PARK,  # ... and for what these give back
    "3D": Verdict.WAIT,  # the database is gone, as it is for a moment while it is restored under its name
    "3F": Verdict.REPLAN,  # a schema is gone
    "40": Verdict.RETRY,  # serialization failure, deadlock, completion unknown (the position tells)
    "44": Verdict.PARK,  # the row is outside the view's WITH CHECK OPTION
    "53": Verdict.WAIT,  # disk full, out of memory or of locks, too many connections, temp_file_limit
    "55": Verdict.RETRY,  # lock not available (lock_timeout), object in use
    "57": Verdict.RECONNECT,  # the server shuts down, has crashed, or has ended the session
    "58": Verdict.WAIT,  # system and I/O errors outside PostgreSQL
    "72": Verdict.RETRY,  # snapshot too old
    "HV": Verdict.PARK,  # a trigger of the target that writes to a foreign table
    "P0": Verdict.PARK,  # RAISE EXCEPTION and the like in a trigger of the target
    "UC": Verdict.PARK,  # our own functions: UC001, a reference that can't be translated
    # 0A 0B 0F 0L 0P 0Z 10 24 25 26 2B 2D 34 3B 42 54 F0 XX: STOP but for the codes below. Our own statements
    # are wrong, or the server is in a state that nobody has thought of here.
}

_CODES: Final = {
    "0A000": Verdict.REPLAN,  # "cached plan must not change result type": a table changed under a prepared statement
    "22P03": Verdict.STOP,  # the binary COPY is not what was promised: every batch would fail, no change is at fault
    "22P04": Verdict.STOP,
    "25006": Verdict.RECONNECT,  # read-only: a failover made this server the standby; libpq finds the new primary
    "25P03": Verdict.RECONNECT,  # idle_in_transaction_session_timeout, which ends the session
    "25P04": Verdict.RECONNECT,  # transaction_timeout, likewise
    "26000": Verdict.RECONNECT,  # a prepared statement is gone (DISCARD ALL, a pooler): a new session knows what it has
    "40002": Verdict.PARK,  # transaction integrity constraint violation: the data, not the company
    "42P05": Verdict.RECONNECT,  # a prepared statement is there already: as 26000
    # Schema drift: a table, column, type, function, index or constraint that the plan was made for is gone or other.
    "42703": Verdict.REPLAN,  # undefined column
    "42704": Verdict.REPLAN,  # undefined object: a type, a constraint
    "42725": Verdict.REPLAN,  # ambiguous function: the type of a column changed
    "42804": Verdict.REPLAN,  # datatype mismatch
    "42809": Verdict.REPLAN,  # wrong object type: a table became a view
    "42846": Verdict.REPLAN,  # cannot coerce
    "42883": Verdict.REPLAN,  # undefined function or operator
    "428C9": Verdict.REPLAN,  # the column is now GENERATED ALWAYS
    "42P01": Verdict.REPLAN,  # undefined table
    "42P10": Verdict.REPLAN,  # no unique index for ON CONFLICT
    "54000": Verdict.PARK,  # the row is too big for its page or for an index
    "54001": Verdict.PARK,  # stack depth: a trigger that calls itself, or a statement that halves are small enough for
    "55000": Verdict.REPLAN,  # "cannot insert into view"; also a table in a publication without a replica identity
    "55P02": Verdict.STOP,  # a setting that can't be changed now
    "55P04": Verdict.STOP,  # a new value of an enum, used in the transaction that makes it
    "57014": Verdict.RETRY,  # statement_timeout, or pg_cancel_backend by somebody in need of our locks
    "58P01": Verdict.STOP,  # a file of the database is missing: corruption, or a half-removed extension
    "58P02": Verdict.STOP,
    "58P03": Verdict.STOP,
    "HV00N": Verdict.WAIT,  # the foreign server does not answer: no change is at fault
    "XX000": Verdict.REPLAN,  # as a rule "cache lookup failed", "could not open relation": DDL at the same moment
    # XX001 and XX002 are corruption: every further write may spread it.
}

# SQLSTATE classes that the standard keeps for itself begin with these; the others are anybody's, and who uses
# one is a trigger of the target, with RAISE … USING ERRCODE.
_STANDARD: Final = frozenset("01234ABCDEFGH")
_POSTGRESQL: Final = frozenset({"54", "XX"})  # of the others, those that PostgreSQL has and _CLASSES has not

_SESSION_OVER: Final = frozenset({"FATAL", "PANIC"})
_TRANSIENT: Final = frozenset({Verdict.RETRY, Verdict.REPLAN, Verdict.PARK})


def classify(error: psycopg.Error) -> Verdict:
    """Say what to do about `error`, of the server or of psycopg itself."""
    if error.sqlstate is None:
        return _classify_client_error(error)
    verdict = classify_sqlstate(error.sqlstate)
    if verdict in _TRANSIENT and error.diag.severity_nonlocalized in _SESSION_OVER:
        return Verdict.RECONNECT  # as 40001 for a session that stood in the way of a standby's recovery
    return verdict


def classify_sqlstate(sqlstate: str) -> Verdict:
    """Say what to do about an error with this SQLSTATE (five characters), as far as the code alone tells."""
    known = _CODES.get(sqlstate) or _CLASSES.get(sqlstate[:2])
    if known:
        return known
    foreign = sqlstate[:1] not in _STANDARD and sqlstate[:2] not in _POSTGRESQL
    return Verdict.PARK if foreign else Verdict.STOP


def _classify_client_error(error: psycopg.Error) -> Verdict:
    if isinstance(error, errors.PipelineAborted):
        return Verdict.RETRY  # the cause came with an earlier result of the pipeline
    lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or type(error) is psycopg.DatabaseError
    return Verdict.RECONNECT if lost else Verdict.STOP
