"""Files where rows come otherwise than by replay, where a daemon is killed, and what `check` says of filestores."""

import os
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.integration.filestores import DDL, IN_DATABASE, LARGE, Files, fname
from tests.integration.links import MakePair
from tests.support.daemon import daemon_running
from tests.support.waiting import wait_for
from ucrepl.cli.main import main
from ucrepl.db.connect import connect
from ucrepl.errors import Exit
from ucrepl.link.check import run_checks
from ucrepl.link.files.serve import FileServer
from ucrepl.link.files.store import TEMPORARY
from ucrepl.link.nodes import Nodes


@pytest.fixture
def files(make_pair: MakePair, tmp_path: Path) -> Files:
    return Files(make_pair(DDL), tmp_path)


def told(files: Files, folder: Path, *words: str) -> str:
    """What a command says to people; it must end well."""
    files.pair.close_links()
    talk = StringIO()
    with redirect_stderr(talk), redirect_stdout(StringIO()):
        assert main(["-c", str(files.config_file(folder)), *words]) == Exit.OK
    return talk.getvalue()


@pytest.mark.long
def test_a_daemon_that_is_killed_in_the_middle_of_a_file_leaves_nothing_behind(files: Files, tmp_path: Path) -> None:
    files.remote()
    config = files.config_file(tmp_path)
    files.attach("large", LARGE)

    def written() -> list[Path]:
        return [path for path in files.b.rglob(f"{TEMPORARY}*") if path.stat().st_size]

    with daemon_running(config) as daemon, closing(connect(files.pair.a.dsn)) as beside:
        server = FileServer(beside, files.a)
        wait_for(server.serve, what="the daemon to ask for the file")  # of its 21 chunks 16 at the most
        wait_for(written, what="a part of the file")
        daemon.end(SIGKILL)
    assert not files.has(LARGE)
    assert files.rows() == []
    gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'ucrepl%')"
    wait_for(lambda: files.pair.a.value(gone), what="the sessions of the killed daemon to end")
    assert files.pair.a.value("SELECT count(*) FROM ucrepl.file_request") == 1

    with files.served(), daemon_running(config, "second") as daemon:
        daemon.wait_for_line("batch", link="turin->milan", files=1)
        wait_for(lambda: not list(files.b.rglob(f"{TEMPORARY}*")), what="what was left to be swept away")
        for queue in ("file_request", "file_chunk"):
            assert files.pair.a.value(f"SELECT count(*) FROM ucrepl.{queue}") == 0
        assert daemon.end() == 0
    assert files.has(LARGE)
    assert files.rows() == ["large"]
    assert files.parked() == []


def test_a_repair_brings_the_files_of_attachments(files: Files, tmp_path: Path) -> None:
    files.attach("one", b"one")
    files.pair.forth()
    files.attach("lost", b"lost", stored=False)
    files.attach("two", b"two")
    files.pair.a.run("TRUNCATE ucrepl.journal")  # as if it had never been captured
    files.pair.b.run("UPDATE ir_attachment SET store_fname = 'ab/none'; TRUNCATE ucrepl.journal")
    (files.b / fname(b"one")).unlink()
    said = told(files, tmp_path, "verify", "turin->milan", "--repair")
    assert "1 file could not be brought: ucrepl filestore parked 'turin->milan'" in said
    assert files.rows() == ["lost", "one", "two"]
    assert files.has(b"one")
    assert files.has(b"two")
    assert files.parked() == [(fname(b"lost"), "missing")]
    files.pair.assert_same("SELECT name, store_fname FROM ir_attachment ORDER BY 1")


def test_a_resync_brings_contents_into_the_rows_of_a_target_that_keeps_them_there(files: Files, tmp_path: Path) -> None:
    files.attach("one", b"one")
    files.pair.a.run("TRUNCATE ucrepl.journal")
    files.pair.b.run(IN_DATABASE)
    files.configure(a=files.a, b=None)
    assert "turin->milan: 1 file brought\n" in told(files, tmp_path, "resync", "turin->milan", "ir_attachment")
    assert files.pair.b.rows("SELECT store_fname, db_datas FROM ir_attachment") == [(None, b"one")]


def test_a_seeding_says_that_files_are_to_be_brought(files: Files, tmp_path: Path) -> None:
    for content in (b"one", b"two", b"there"):
        files.attach(content.decode(), content)
    files.put(files.b, b"there")
    some = told(files, tmp_path, "seed", "turin->milan", "--where", "ir_attachment: name = 'one'")
    assert "1 file of attachments to be brought\nHINT: run: ucrepl filestore sync 'turin->milan' --known" in some
    told(files, tmp_path, "filestore", "sync", "turin->milan", "--known")
    assert (files.has(b"one"), files.has(b"two")) == (True, False)

    every = told(files, tmp_path, "seed", "turin->milan")
    assert "1 file of attachments to be brought\nHINT: run: ucrepl filestore sync 'turin->milan'\n" in every


def found(files: Files) -> list[tuple[str, str | None, str]]:
    """What `check` says of filestores and files."""
    with Nodes(files.pair.config, "check") as nodes:
        findings = [f for f in run_checks(files.pair.config, nodes) if f.check in {"filestore", "files"}]
    assert all(finding.remedy for finding in findings)
    return [(finding.severity, finding.about, finding.message) for finding in findings]


def test_check_looks_at_the_folders(files: Files, tmp_path: Path) -> None:
    assert found(files) == []
    files.attach("one", b"one")
    assert found(files) == []
    (files.a / fname(b"one")).unlink()
    wrong = f"none of the newest 1 file of attachments is in {str(files.a)!r}"
    assert found(files) == [("warning", "turin", wrong)]

    files.put(files.a, b"one")
    files.configure(a=files.a, b=tmp_path / "nowhere")
    assert found(files) == [("error", "milan", f"the filestore {str(tmp_path / 'nowhere')!r} is not there")]


def test_check_looks_at_the_rights(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path == files.a or not mode & os.W_OK)
    [(severity, node, message)] = found(files)
    assert (severity, node) == ("error", "milan")
    assert message.endswith(f"may not write to the filestore {str(files.b)!r}")


def test_check_looks_at_the_way_of_files(files: Files) -> None:
    files.configure(a=files.a, b=None)
    assert found(files) == []  # there is no file to be brought
    files.attach("one", b"one")
    without = "files of attachments are not brought to 'milan': it has no 'filestore' in this configuration"
    assert found(files) == [("note", "turin->milan", without)]
    files.remote()
    assert found(files) == [
        ("warning", "turin->milan", "no daemon sends the files of 'turin': none runs beside its filestore")
    ]
    with files.served():
        wait_for(lambda: found(files) == [], what="the daemon beside the filestore to be seen")
