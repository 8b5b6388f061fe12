"""The files of attachments: brought before their rows, checked, parked where they can't be brought."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from tests.integration.filestores import DDL, IN_DATABASE, LARGE, Files, fname
from tests.integration.links import MakePair
from tests.support.cli import ucrepl, ucrepl_environment
from tests.support.daemon import daemon_running
from tests.support.waiting import wait_for
from ucrepl.errors import Exit
from ucrepl.link.files.store import TEMPORARY, Incoming, Wanted, sweep
from ucrepl.link.files.transport import Route, Transport


@pytest.fixture
def files(make_pair: MakePair, tmp_path: Path) -> Files:
    return Files(make_pair(DDL), tmp_path)


def test_a_file_comes_with_its_row_and_an_identical_one_is_left_alone(files: Files) -> None:
    there = files.put(files.b, b"there").stat()
    files.attach("new", b"new")
    files.attach("there", b"there")
    files.attach("empty", b"")
    [batch] = files.pair.forth().batches
    assert files.rows() == ["empty", "new", "there"]
    assert batch.files == 2
    assert files.has(b"new")
    assert files.has(b"")
    after = (files.b / fname(b"there")).stat()
    assert (after.st_ino, after.st_mtime_ns) == (there.st_ino, there.st_mtime_ns)
    assert files.parked() == []
    files.pair.assert_clean()
    files.pair.assert_same("SELECT name, store_fname FROM ir_attachment ORDER BY 1")


def test_a_file_that_is_not_whole_is_replaced(files: Files) -> None:
    files.put(files.b, b"whole").write_bytes(b"who")
    files.attach("one", b"whole")
    files.pair.forth()
    assert files.has(b"whole")


def test_a_missing_file_is_parked_and_its_row_goes_on(files: Files, tmp_path: Path) -> None:
    files.attach("lost", b"lost", stored=False)
    files.attach("here", b"here")
    [batch] = files.pair.forth().batches
    assert files.rows() == ["here", "lost"]
    assert files.parked() == [(fname(b"lost"), "missing")]
    assert list(batch.files_parked) == [fname(b"lost")]
    files.pair.assert_clean()

    config = files.config_file(tmp_path)
    [listed] = json.loads(ucrepl("filestore", "parked", "--json", config=config).stdout)["parked"]
    assert (listed["link"], listed["file"], listed["reason"]) == ("turin->milan", fname(b"lost"), "missing")
    assert "1 file parked" in ucrepl("status", config=config).stdout
    assert ucrepl("filestore", "retry", config=config, check=False).returncode == Exit.PARKED
    assert files.pair.b.value("SELECT attempts FROM ucrepl.parked_file") == 2
    files.put(files.a, b"lost")
    ucrepl("filestore", "retry", "turin->milan", config=config)
    assert files.has(b"lost")
    assert files.parked() == []


def test_a_parked_file_that_no_attachment_wants_any_more_is_forgotten(files: Files) -> None:
    files.attach("lost", b"lost", stored=False)
    files.pair.forth()
    files.pair.a.run("DELETE FROM ir_attachment")
    files.pair.forth()
    courier = files.pair.replayer().courier
    assert courier
    assert courier.retry() == 0
    assert files.parked() == []


def test_a_corrupt_file_is_parked_and_nothing_has_its_name(files: Files) -> None:
    files.attach("bad", b"right")
    (files.a / fname(b"right")).write_bytes(b"wrong")
    files.pair.forth()
    assert files.rows() == ["bad"]
    assert files.parked() == [(fname(b"right"), "different")]
    assert [path for path in files.b.rglob("*") if path.is_file()] == []


def test_files_come_through_the_database_of_the_source(files: Files) -> None:
    files.remote()
    files.attach("large", LARGE)
    files.attach("small", b"small")
    files.attach("empty", b"")
    files.attach("lost", b"lost", stored=False)
    files.attach("bad", b"right")
    (files.a / fname(b"right")).write_bytes(b"wrong")
    with files.served():
        files.pair.forth()
    assert files.rows() == ["bad", "empty", "large", "lost", "small"]
    assert all(files.has(content) for content in (LARGE, b"small", b""))
    assert sorted(files.parked()) == sorted([(fname(b"lost"), "missing"), (fname(b"right"), "different")])
    assert files.pair.a.rows("SELECT FROM ucrepl.file_request") == []
    assert files.pair.a.rows("SELECT FROM ucrepl.file_chunk") == []
    assert list(files.b.rglob(f"{TEMPORARY}*")) == []


def test_a_batch_does_not_wait_for_a_daemon_that_is_not_there(files: Files) -> None:
    files.remote()
    files.attach("one", b"one")
    courier = files.pair.replayer().courier
    assert courier
    courier.transport = Transport(courier.transport.route, patience=0.1)
    files.pair.forth()
    assert files.rows() == ["one"]
    assert files.parked() == [(fname(b"one"), "unanswered")]
    assert files.pair.a.rows("SELECT FROM ucrepl.file_request") == []
    with files.served():
        courier.transport = Transport(courier.transport.route)
        assert courier.retry() == 1
    assert files.has(b"one")
    assert files.parked() == []


def test_no_more_than_some_chunks_are_in_flight(files: Files) -> None:
    files.put(files.a, LARGE)
    route = Route("turin->milan", "turin", files.pair.a.dsn, None, files.b)
    transport, seen, stalled = Transport(route), [], threading.Event()

    def beat() -> None:
        if not stalled.is_set():
            stalled.set()
            wait_for(lambda: files.pair.a.value("SELECT count(*) FROM ucrepl.file_chunk") == 16, what="a full queue")
        seen.append(files.pair.a.value("SELECT count(*) FROM ucrepl.file_chunk"))

    transport.beat = beat
    with files.served():
        [brought] = transport.bring([Wanted(fname(LARGE), len(LARGE))], files.b)
    assert brought.trouble is None
    assert max(seen) == 16
    assert files.has(LARGE)


_KILLED = """
import os, signal, sys
from pathlib import Path
from ucrepl.link.files.store import Incoming, Wanted
incoming = Incoming(Wanted(sys.argv[2]), Path(sys.argv[1]))
incoming.write(b"half")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_leaves_no_half_file_under_its_name(files: Files) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(files.b), fname(b"half and half")], env=ucrepl_environment(), check=False
    )
    assert done.returncode == -9
    [left] = [path for path in files.b.rglob("*") if path.is_file()]
    assert left.name.startswith(TEMPORARY)
    writing = Incoming(Wanted(fname(b"at it")), files.b)
    writing.write(b"at it")
    sweep(files.b)
    writing.finish()
    assert files.has(b"at it")
    assert not left.exists()
    files.attach("one", b"half and half")
    files.pair.forth()
    assert files.has(b"half and half")


def test_a_target_that_keeps_attachments_in_the_database_gets_the_contents_in_its_rows(
    files: Files, tmp_path: Path
) -> None:
    files.pair.b.run(IN_DATABASE)
    files.configure(a=files.a, b=None)
    files.attach("one", b"first")
    files.attach("lost", b"lost", stored=False)
    files.pair.forth()
    one = "SELECT store_fname, db_datas FROM ir_attachment WHERE name = 'one'"
    assert files.pair.b.rows(one) == [(None, b"first")]
    assert files.parked() == [(fname(b"lost"), "missing")]

    files.put(files.a, b"second")
    files.pair.a.run(
        "UPDATE ir_attachment SET store_fname = %s, file_size = 6, checksum = %s WHERE name = 'one'",
        fname(b"second"), fname(b"second")[3:],
    )  # fmt: skip
    files.pair.forth()
    assert files.pair.b.rows(one) == [(None, b"second")]

    files.put(files.a, b"lost")
    courier = files.pair.replayer().courier
    assert courier
    assert courier.retry() == 1
    assert files.pair.b.rows("SELECT store_fname, db_datas FROM ir_attachment WHERE name = 'lost'") == [(None, b"lost")]
    files.pair.a.run("UPDATE ir_attachment SET store_fname = NULL, file_size = 0, checksum = NULL WHERE name = 'one'")
    files.pair.forth()
    assert files.pair.b.rows(one) == [(None, None)]
    assert files.parked() == []
    ucrepl("verify", "turin->milan", config=files.config_file(tmp_path))
    files.pair.settle()
    assert files.pair.a.value("SELECT store_fname FROM ir_attachment WHERE name = 'lost'") == fname(b"lost")
    files.pair.assert_clean()


def test_a_target_that_keeps_attachments_in_files_gets_files(files: Files) -> None:
    files.pair.a.run(IN_DATABASE)
    files.pair.forth()
    files.pair.b.run("UPDATE ir_config_parameter SET value = 'file'")
    insert = "INSERT INTO ir_attachment (name, db_datas, file_size, checksum) VALUES ('one', %s, %s, %s)"
    files.pair.a.run(insert, b"first", 5, fname(b"first")[3:])
    files.pair.forth()
    assert files.pair.b.rows("SELECT store_fname, db_datas FROM ir_attachment") == [(fname(b"first"), None)]
    assert files.has(b"first")
    files.pair.a.run("UPDATE ir_attachment SET db_datas = %s, checksum = %s", b"again", fname(b"again")[3:])
    files.pair.forth()
    assert files.pair.b.rows("SELECT store_fname, db_datas FROM ir_attachment") == [(fname(b"again"), None)]
    assert files.has(b"again")
    files.pair.a.run("UPDATE ir_attachment SET db_datas = NULL, checksum = NULL, file_size = 0")
    files.pair.forth()
    assert files.pair.b.rows("SELECT store_fname, db_datas FROM ir_attachment") == [(None, None)]
    files.pair.assert_clean()


def test_what_the_garbage_collector_took_before_the_commit_comes_again(files: Files) -> None:
    files.attach("one", b"one")
    replayer = files.pair.replayer()
    assert replayer.courier
    position, _ = replayer.position()
    look_again = replayer.courier.look_again
    gone: list[bool] = []

    def collect() -> None:
        (files.b / fname(b"one")).unlink()
        gone.append(True)
        look_again()

    replayer.courier.look_again = collect  # type: ignore[method-assign]
    replayer.replay(position, replayer.window(position))
    assert gone
    assert files.has(b"one")


def test_sync_copies_what_is_not_there_and_goes_on(files: Files, tmp_path: Path) -> None:
    contents = [f"file {number}".encode() for number in range(5)]
    for content in contents:
        files.attach(content.decode(), content)
    files.attach("twice", contents[0])
    files.attach("lost", b"lost", stored=False)
    files.put(files.b, contents[1])
    config = files.config_file(tmp_path)
    files.pair.close_links()
    first = ucrepl("filestore", "sync", "turin->milan", "--json", config=config, check=False)
    assert first.returncode == Exit.PARKED
    said = json.loads(first.stdout)
    assert (said["files"], said["copied"], said["present"], list(said["parked"])) == (6, 4, 1, [fname(b"lost")])
    assert all(files.has(content) for content in contents)

    (files.b / fname(contents[2])).unlink()
    files.put(files.a, b"lost")
    said = json.loads(ucrepl("filestore", "sync", "turin->milan", "--json", config=config).stdout)
    assert (said["copied"], said["present"], said["parked"]) == (2, 4, {})
    assert files.has(b"lost")


def test_sync_fills_the_rows_of_a_target_that_keeps_attachments_in_the_database(files: Files, tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        files.attach(content.decode(), content)
    files.pair.forth()
    files.pair.b.run(IN_DATABASE)
    files.configure(a=None, b=None)
    config = files.config_file(tmp_path)
    files.pair.close_links()
    with files.served():
        said = json.loads(ucrepl("filestore", "sync", "turin->milan", "--json", config=config).stdout)
    assert (said["files"], said["copied"]) == (2, 2)
    assert files.pair.b.rows("SELECT store_fname, db_datas FROM ir_attachment ORDER BY name") == [
        (None, b"one"),
        (None, b"two"),
    ]
    files.pair.settle()
    assert files.pair.a.column("SELECT store_fname FROM ir_attachment ORDER BY name") == [fname(b"one"), fname(b"two")]


def test_two_daemons_on_two_hosts_bring_files(files: Files, tmp_path: Path) -> None:
    here, there = tmp_path / "milan", tmp_path / "turin"
    here.mkdir()
    there.mkdir()
    files.remote()
    config = files.config_file(here)
    beside = there / "ucrepl.yaml"
    beside.write_text(
        yaml.safe_dump({"nodes": {"turin": {"dsn": files.pair.a.dsn, "filestore": str(files.a)}}}), encoding="utf-8"
    )
    with daemon_running(beside) as server, daemon_running(config) as daemon:
        files.attach("large", LARGE)
        daemon.wait_for_line("batch", link="turin->milan", files=1)
        assert files.has(LARGE)
        assert files.rows() == ["large"]
        assert (server.end(), daemon.end()) == (0, 0)


def test_a_masked_file_does_not_leave_the_source(files: Files, tmp_path: Path) -> None:
    files.pair.configure(rules=[{"table": "ir_attachment", "set": {"store_fname": None}}])
    files.local()
    files.attach("secret", b"secret")
    files.pair.forth()
    done = ucrepl("filestore", "sync", "turin->milan", config=files.config_file(tmp_path), check=False)
    assert done.returncode == Exit.REFUSED
    assert files.rows() == ["secret"]
    assert not files.has(b"secret")


def test_verify_finds_what_is_wrong_with_files(files: Files, tmp_path: Path) -> None:
    for content in (b"good", b"gone", b"short", b"wrong"):
        files.attach(content.decode(), content)
    files.pair.forth()
    config = files.config_file(tmp_path)
    ucrepl("verify", "turin->milan", "--files", config=config)
    (files.b / fname(b"gone")).unlink()
    (files.b / fname(b"short")).write_bytes(b"sho")
    (files.b / fname(b"wrong")).write_bytes(b"gnorw")
    done = ucrepl("verify", "turin->milan", "--files", "--json", config=config, check=False)
    assert done.returncode == Exit.FINDING
    [report] = json.loads(done.stdout)["links"]
    found = {finding["file"]: finding["what"] for finding in report["findings"]}
    assert found == {fname(b"gone"): "missing", fname(b"short"): "different", fname(b"wrong"): "different"}
    assert report["files"] == 4
