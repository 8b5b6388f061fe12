"""What a link does about an error: which connections it keeps, and when it tries again."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import psycopg

from ucrepl.backoff import Backoff
from ucrepl.db.sqlstate import Verdict, classify
from ucrepl.dsn import redact
from ucrepl.errors import UcreplError, UnreachableError
from ucrepl.link.source import StalePlanError

SELDOM_SECONDS: Final = 30.0
"""How often a link that only a person can mend is tried again, so that mending it needs no restart."""


def judge(error: Exception) -> Verdict:
    """What to do about an error of a link. What nobody has foreseen is a STOP."""
    match error:
        case StalePlanError():
            return Verdict.REPLAN
        case UnreachableError():
            return Verdict.RECONNECT
        case psycopg.Error():
            verdict = classify(error)
            # what can be parked was parked by replay: here it comes from a statement that is not about a change
            return Verdict.STOP if verdict is Verdict.PARK else verdict
    return Verdict.STOP


def describe(error: Exception, lost: Sequence[str] = ()) -> str:
    """The error in one line, with what mends it, without a password. `lost`: nodes to which the connection is lost."""
    match error:
        case StalePlanError():
            text = "a table has changes and was not there when the plan was made"
        case UcreplError():
            text = error.message + (f"; {error.hint}" if error.hint else "")
        case psycopg.Error() if error.sqlstate:
            text = f"{error.diag.message_primary or error} (SQLSTATE {error.sqlstate})"
        case psycopg.Error():
            text = str(error).strip().partition("\n")[0] or type(error).__name__  # libpq goes on with guesses
        case _:
            text = f"unexpected {type(error).__name__}: {error}"
    if lost:
        text = f"connection to node {' and '.join(map(repr, lost))} lost: {text}"
    return redact(" ".join(text.split()))


@dataclass
class Patience:
    """Gives the seconds until the next attempt, longer from failure to failure, never twice the same.

    Start anew with `reset` after a success.
    """

    soon: Backoff = field(default_factory=lambda: Backoff(base=0.1, cap=5.0))
    away: Backoff = field(default_factory=lambda: Backoff(base=0.25, cap=15.0))

    def delay(self, verdict: Verdict) -> float:
        """The seconds to wait because of an error with this verdict."""
        match verdict:
            case Verdict.RETRY | Verdict.REPLAN:
                return self.soon.next_delay()
            case Verdict.RECONNECT:
                return self.away.next_delay()
        return SELDOM_SECONDS * random.uniform(0.75, 1.25)  # noqa: S311 - it is no secret

    def reset(self) -> None:
        """All is well again."""
        self.soon.reset()
        self.away.reset()
