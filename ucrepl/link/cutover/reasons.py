"""Why a cut-over was taken back; past the deadline also in which step, and what gives it more time or needs less."""

from typing import Final

import psycopg

from ucrepl.errors import UcreplError
from ucrepl.link.source import StalePlanError

_REASONS: Final = {
    "pause": ("PgBouncer did not answer in time", "see who writes for so long: SHOW SERVERS; or: --deadline"),
    "fence": ("a transaction that writes is still open", "see pg_stat_activity; or give more time with: --deadline"),
    "level": ("not all is replayed", "see: ucrepl status; or give more time with: --deadline"),
    "compare": (
        "what was changed lately is not compared",
        "compare less, by 'recent_minutes', 'recent_rows' or 'recent_seconds' under 'cutover'; or: --deadline",
    ),
}
_OTHERS: Final = ("a server did not answer in time", "see pg_stat_activity; or give more time with: --deadline")


def is_timeout(error: BaseException) -> bool:
    """Whether time ran out, in a statement or outside; the error may be a sentence made of one of a statement."""
    in_statement = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)
    return isinstance(error, (TimeoutError, *in_statement)) or isinstance(error.__cause__, in_statement)


def late(step: str, seconds: float) -> tuple[str, str]:
    """The reason why a cut-over was taken back whose deadline of so many seconds passed in a step, and a hint."""
    reason, hint = _REASONS.get(step, _OTHERS)
    return f"the deadline of {seconds:g} s passed in the step {step!r}: {reason}", hint


def reason(error: BaseException) -> str:
    """The error in one line."""
    match error:
        case UcreplError():
            return error.message
        case psycopg.Error():
            return " ".join((error.diag.message_primary or str(error)).split())
        case StalePlanError():
            return "tables were changed meanwhile"
    return " ".join(str(error).split()) or type(error).__name__
