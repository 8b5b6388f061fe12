"""Every SQLSTATE that a link can meet gets the verdict that keeps the data and lets the link go on."""

import psycopg
import pytest
from psycopg import errors
from psycopg.pq import DiagnosticField
from psycopg_pool import PoolTimeout

from ucrepl.db.sqlstate import Verdict, classify, classify_sqlstate

CASES = {
    Verdict.RETRY: "40000 40001 40003 40P01 55006 55P03 57014 72000",
    Verdict.WAIT: "28000 28P01 3D000 53000 53100 53200 53300 53400 58000 58030 HV00N",
    Verdict.RECONNECT: (
        "08000 08001 08003 08004 08006 08007 08P01 25006 25P03 25P04 26000 42P05 57000 57P01 57P02 57P03 57P04 57P05"
    ),
    Verdict.REPLAN: ("0A000 3F000 42703 42704 42725 42804 42809 42846 42883 428C9 42P01 42P10 55000 XX000"),
    Verdict.PARK: (
        "09000 20000 21000 22000 22001 22003 22007 22008 2200G 22012 22021 22023 22032 22P02 22P05 "
        "23000 23001 23502 23503 23505 23514 23P01 27000 2F005 38000 39004 39P01 40002 44000 54000 54001 "
        "HV000 P0000 P0001 P0002 P0003 P0004 UC001"
    ),
    Verdict.STOP: (
        "03000 0B000 0L000 0P000 0Z000 10608 22P03 22P04 24000 25001 25P01 25P02 2B000 2BP01 2D000 34000 3B001 "
        "42000 42501 42601 42602 42622 42702 42803 42939 42P02 42P07 42P16 42P18 54011 54023 55P02 55P04 "
        "58P01 58P02 58P03 F0000 XX001 XX002"
    ),
}


@pytest.mark.parametrize(
    ("sqlstate", "verdict"), [(state, verdict) for verdict, states in CASES.items() for state in states.split()]
)
def test_each_sqlstate_has_its_verdict(sqlstate: str, verdict: Verdict) -> None:
    assert classify_sqlstate(sqlstate) is verdict


def test_the_error_class_of_psycopg_tells_its_sqlstate() -> None:
    assert classify(errors.DeadlockDetected("deadlock detected")) is Verdict.RETRY
    assert classify(errors.UniqueViolation("duplicate key")) is Verdict.PARK


def test_a_code_unknown_to_psycopg_is_taken_by_its_class() -> None:
    error = psycopg.DatabaseError("new in some version", info={DiagnosticField.SQLSTATE: b"23999"})
    assert classify(error) is Verdict.PARK


@pytest.mark.parametrize("sqlstate", ["ZX001", "T0001", "99999", "INV01"])
def test_a_code_of_somebodys_own_trigger_parks(sqlstate: str) -> None:
    assert classify_sqlstate(sqlstate) is Verdict.PARK


@pytest.mark.parametrize("sqlstate", ["04000", "2Z999", "F9999", "XX999", "54999"])
def test_a_code_that_nobody_knows_stops(sqlstate: str) -> None:
    assert classify_sqlstate(sqlstate) is Verdict.STOP


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [(b"ERROR", Verdict.RETRY), (b"FATAL", Verdict.RECONNECT), (b"PANIC", Verdict.RECONNECT)],
)
def test_a_fatal_error_has_ended_the_session(severity: bytes, verdict: Verdict) -> None:
    error = errors.SerializationFailure("conflict", info={DiagnosticField.SEVERITY_NONLOCALIZED: severity})
    assert classify(error) is verdict


@pytest.mark.parametrize("kind", [errors.TooManyConnections, errors.DataCorrupted])
def test_a_fatal_error_stays_what_reconnecting_does_not_mend(kind: type[psycopg.Error]) -> None:
    error = kind("no", info={DiagnosticField.SEVERITY_NONLOCALIZED: b"FATAL"})
    assert classify(error) in {Verdict.WAIT, Verdict.STOP}


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (psycopg.OperationalError("consuming input failed: server closed the connection"), Verdict.RECONNECT),
        (psycopg.InterfaceError("the connection is closed"), Verdict.RECONNECT),
        (psycopg.DatabaseError("server closed the connection unexpectedly"), Verdict.RECONNECT),
        (errors.ConnectionTimeout("connection timeout expired"), Verdict.RECONNECT),
        (PoolTimeout("couldn't get a connection"), Verdict.RECONNECT),
        (errors.PipelineAborted("pipeline aborted"), Verdict.RETRY),
        (psycopg.ProgrammingError("the query has 1 placeholders but 2 parameters were passed"), Verdict.STOP),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), Verdict.STOP),
        (psycopg.NotSupportedError("not in this libpq"), Verdict.STOP),
    ],
)
def test_errors_of_the_client_itself(error: psycopg.Error, verdict: Verdict) -> None:
    assert classify(error) is verdict
