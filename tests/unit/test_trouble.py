"""What a link does about an error."""

import psycopg
import pytest
from psycopg import errors

from ucrepl.daemon.trouble import SELDOM_SECONDS, Patience, describe, judge
from ucrepl.db.sqlstate import Verdict
from ucrepl.errors import RefusedError, UnreachableError
from ucrepl.link.source import StalePlanError


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (errors.DeadlockDetected("x"), Verdict.RETRY),
        (errors.AdminShutdown("x"), Verdict.RECONNECT),
        (errors.UndefinedColumn("x"), Verdict.REPLAN),
        (errors.DiskFull("x"), Verdict.WAIT),
        (errors.InsufficientPrivilege("x"), Verdict.STOP),
        (errors.UniqueViolation("of a statement that is about no change"), Verdict.STOP),
        (psycopg.OperationalError("the connection is lost"), Verdict.RECONNECT),
        (StalePlanError(), Verdict.REPLAN),
        (UnreachableError("x"), Verdict.RECONNECT),
        (RefusedError("x"), Verdict.STOP),
        (ZeroDivisionError("a bug"), Verdict.STOP),
    ],
)
def test_verdicts(error: Exception, verdict: Verdict) -> None:
    assert judge(error) is verdict


def test_descriptions_are_one_line_with_the_hint_and_no_password() -> None:
    assert describe(RefusedError("it is\npaused", hint="resume it")) == "it is paused; resume it"
    assert "geheim" not in describe(ValueError("host=x password=geheim"))
    lost = psycopg.OperationalError("server closed the connection\n\tThis probably means ...")
    assert describe(lost, ["milan"]) == "connection to node 'milan' lost: server closed the connection"
    assert "unexpected ZeroDivisionError" in describe(ZeroDivisionError("x"))


def test_patience_grows_and_is_reset() -> None:
    patience = Patience()
    delays = [patience.delay(Verdict.RECONNECT) for _ in range(50)]
    assert max(delays) <= patience.away.cap
    assert patience.away.ceiling == patience.away.cap
    assert patience.soon.failures == 0
    patience.reset()
    assert patience.away.failures == 0
    assert 0.5 < patience.delay(Verdict.STOP) / SELDOM_SECONDS < 1.5
