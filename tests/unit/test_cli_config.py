"""The frame of the command line, and `ucrepl config`."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID

import pytest

import ucrepl
from ucrepl.cli import main as cli
from ucrepl.cli.output import print_json, print_record, print_table, talk
from ucrepl.errors import ConfigError, Exit, RefusedError, UcreplError, UnreachableError, UsageError

GOOD = "nodes: {a: {dsn: host=a}, b: {dsn: host=b}}\nlinks: [{from: a, to: b}]\n"
BAD = "nodes: {a: {dsn: host=a}}\nlinks:\n  - {from: a, to: b}\n  - {form: a, to: a}\n"

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UCREPL_CONFIG", "UCREPL_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return str(path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    return str(path)


def run_process(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ucrepl", *args]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **environ}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


# config check, sample, schema


def test_check_of_a_good_file(good: str, capsys: Capture) -> None:
    assert cli.main(["-c", good, "config", "check"]) == Exit.OK
    out, err = capsys.readouterr()
    assert out == f"{good}: ok, 2 nodes, 1 link, 0 rules\n"
    assert err == ""


def test_check_reports_all_errors_with_path_and_line(bad: str, capsys: Capture) -> None:
    assert cli.main(["-c", bad, "config", "check"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"error: {bad} has 3 errors",
        f"{bad}:3:19: links[0].to: unknown node 'b' (known are a)",
        f"{bad}:4:5: links[1].from: the key 'from' is missing",
        f"{bad}:4:6: links[1].form: unknown key 'form' (did you mean 'from'?)",
        "HINT: `ucrepl config sample` prints an example in which every key is explained",
    ]


def test_check_as_json(good: str, bad: str, capsys: Capture) -> None:
    assert cli.main(["config", "check", "--json", "-c", good]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "errors": []}
    assert cli.main(["config", "check", "--json", "-c", bad]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"]
    assert answer["errors"][0] == {
        "file": bad,
        "line": 3,
        "column": 19,
        "key_path": "links[0].to",
        "message": "unknown node 'b'",
        "hint": "known are a",
    }


def test_check_mentions_a_node_that_is_in_no_link(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "u.yaml"
    path.write_text(GOOD.replace("nodes: {", "nodes: {lonely: {dsn: host=c}, "))
    assert cli.main(["-c", str(path), "config", "check"]) == 0
    assert capsys.readouterr().err == "note: the node 'lonely' is in no link\n"


@pytest.mark.parametrize(
    "order", ["-c F config check", "config -c F check", "config check -c F", "config check --config=F"]
)
def test_the_file_may_be_named_anywhere(order: str, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UCREPL_CONFIG", "/nowhere")
    assert cli.main(order.replace("F", good).split()) == 0


def test_the_file_may_be_named_in_the_environment(good: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("UCREPL_CONFIG", good)
    assert cli.main(["config", "check"]) == 0
    monkeypatch.setenv("UCREPL_CONFIG", "")
    assert cli.main(["config", "check"]) == 2
    assert "UCREPL_CONFIG" in capsys.readouterr().err


def test_the_sample_passes_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert cli.main(["config", "sample"]) == 0
    path = tmp_path / "sample.yaml"
    path.write_text(capsys.readouterr().out, "utf-8")
    monkeypatch.setenv("UCREPL_MILAN_PASSWORD", "x")
    assert cli.main(["-c", str(path), "config", "check"]) == 0
    assert "2 nodes, 2 links, 5 rules" in capsys.readouterr().out


def test_the_schema_is_json(capsys: Capture) -> None:
    assert cli.main(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["$defs"]["Link"]["required"] == ["from", "to"]


# Usage


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "required: COMMAND"),
        (["config"], "required: ACTION"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["config", "check", "--jso"], "unrecognized arguments: --jso"),
        (["config", "check", "-c"], "expected one argument"),
    ],
)
def test_wrong_usage(args: list[str], words: str, capsys: Capture) -> None:
    assert cli.main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.startswith("error: ")
    assert "\nHINT: `ucrepl" in err


def test_help_and_version() -> None:
    shown = run_process("--help")
    assert shown.returncode == 0
    assert "config" in shown.stdout
    for code in Exit:
        assert f"{code.value:<5}{code.meaning}" in shown.stdout
    assert run_process("--version").stdout == f"ucrepl {ucrepl.__version__}\n"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ucrepl.cli.main import build_parser; build_parser().format_help();"
        "print(*{'pydantic', 'psycopg', 'rich', 'yaml', 'sqlglot', 'structlog'} & sys.modules.keys())"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == ""


def test_every_command_sets_its_run() -> None:
    parser = cli.build_parser()
    (subparsers,) = (action for action in parser._actions if action.choices)
    assert all(command.get_default("run") for command in subparsers.choices.values())  # type: ignore[union-attr]


# What goes wrong


@pytest.fixture
def fail_with(monkeypatch: pytest.MonkeyPatch, good: str) -> Callable[[BaseException], int]:
    """Run a command that raises the given error."""

    def fail(error: BaseException) -> int:
        def load_config(_path: Path) -> None:
            raise error

        monkeypatch.setattr("ucrepl.config.load_config", load_config)
        return cli.main(["-c", good, "config", "check"])

    return fail


@pytest.mark.parametrize(
    ("kind", "code"), [(UcreplError, 1), (UsageError, 2), (ConfigError, 2), (UnreachableError, 4), (RefusedError, 5)]
)
def test_an_error_is_a_sentence_a_hint_and_an_exit_code(
    kind: type[UcreplError], code: int, fail_with: Callable[[BaseException], int], capsys: Capture
) -> None:
    assert fail_with(kind("the node 'x' is wrong", "mend it")) == code
    assert capsys.readouterr().err == "error: the node 'x' is wrong\nHINT: mend it\n"
    assert fail_with(kind("nothing mends it")) == code
    assert capsys.readouterr().err == "error: nothing mends it\n"


def test_a_bug_is_one_line(fail_with: Callable[[BaseException], int], capsys: Capture) -> None:
    assert fail_with(KeyError("a\nb password=geheim")) == 70
    err = capsys.readouterr().err
    assert err.startswith("error: unexpected KeyError: ")
    assert "this is a bug" in err
    assert "UCREPL_DEBUG=1" in err
    assert len(err.splitlines()) == 2
    assert "geheim" not in err


def test_debug_shows_the_traceback(
    fail_with: Callable[[BaseException], int], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("UCREPL_DEBUG", "1")
    assert fail_with(KeyError("x")) == 70
    assert "Traceback" in capsys.readouterr().err
    assert fail_with(UsageError("x")) == 2
    assert "Traceback" in capsys.readouterr().err


def test_control_c(fail_with: Callable[[BaseException], int], capsys: Capture) -> None:
    assert fail_with(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_goes_away() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "ucrepl", "config", "schema"]
    with os.fdopen(writer, "wb") as stdout:
        ended = subprocess.run(command, env=environment, stdout=stdout, stderr=subprocess.PIPE, check=False)
    assert ended.stderr == b""
    assert ended.returncode == Exit.BROKEN_PIPE


def test_a_terminal_that_cannot_show_a_letter(tmp_path: Path) -> None:
    path = tmp_path / "u.yaml"
    path.write_text("nodes: {ç: {dsn: host=a}}", "utf-8")
    ended = run_process("-c", str(path), "config", "check", PYTHONIOENCODING="ascii")
    assert ended.returncode == 2
    assert "'\\xe7' can't be the name" in ended.stderr


# Output


class Terminal(io.StringIO):
    """A stdout that says it is a terminal."""

    def isatty(self) -> bool:
        return True


ROWS = [
    {"link": "a->b", "lag_rows": 12, "last_error": None, "on": True},
    {"link": "b->a", "lag_rows": 3, "last_error": "x\n\x1b[31m[bold]", "on": False},
]


def test_a_table_in_a_pipe(capsys: Capture) -> None:
    print_table(ROWS, ["link", "lag_rows", "on", "last_error"])
    assert capsys.readouterr().out.splitlines() == [
        "link  lag rows  on   last error",
        "a->b        12  yes  -",
        "b->a         3  no   x\\n\\x1b[31m[bold]",
    ]


def test_a_long_cell_in_a_pipe_widens_no_other_line(capsys: Capture) -> None:
    print_table([{"table": "a" * 300, "says": "skip"}, {"table": "b", "says": "replicate"}], ["table", "says"])
    assert capsys.readouterr().out.splitlines() == ["table  says", f"{'a' * 300}  skip", "b      replicate"]


def test_a_table_without_rows(capsys: Capture) -> None:
    print_table([], ["link", "lag_rows"])
    assert capsys.readouterr().out == "link  lag rows\n"


def test_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    print_table(ROWS, ["link", "last_error"])
    assert "─" in terminal.getvalue()
    assert "\\x1b[31m[bold]" in terminal.getvalue()


def test_cells(capsys: Capture) -> None:
    at = datetime(2025, 1, 2, 3, 4, 5, 678, UTC)
    print_record({"applied_at": at, "seconds": 0.12349, "whole": 2.0, "keys": ["a", 1], "day": date(2025, 1, 2)})
    assert capsys.readouterr().out.splitlines() == [
        "applied at  2025-01-02 03:04:05+00:00",
        "seconds     0.123",
        "whole       2",
        'keys        ["a", 1]',
        "day         2025-01-02",
    ]


@dataclass
class Point:
    """Something with fields."""

    x: int
    at: date


def test_json(capsys: Capture) -> None:
    value = {
        "z": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
        "a": timedelta(seconds=90),
        "numbers": (Decimal(2), Decimal("0.5"), Decimal("NaN"), float("inf"), 1.0, True),
        "point": Point(1, date(2025, 1, 2)),
        "set": {"b", "a"},
        "bytes": b"\x01",
        "text": "è",
        "exit": Exit.USAGE,
        "net": ip_network("10.0.0.0/8"),
        "uuid": UUID(int=0),
        1: iter([None]),
    }
    print_json(value)
    out = capsys.readouterr().out
    assert "è" in out
    answer = json.loads(out)
    assert list(answer)[:2] == ["z", "a"], "the order is that of the value"
    assert answer == {
        "z": "2025-01-02T03:04:05+00:00",
        "a": 90.0,
        "numbers": [2, 0.5, None, None, 1.0, True],
        "point": {"x": 1, "at": "2025-01-02"},
        "set": ["a", "b"],
        "bytes": "\\x01",
        "text": "è",
        "exit": 2,
        "net": "10.0.0.0/8",
        "uuid": "00000000-0000-0000-0000-000000000000",
        "1": [None],
    }


def test_talk_is_no_result(capsys: Capture) -> None:
    talk("hello")
    assert capsys.readouterr() == ("", "hello\n")
