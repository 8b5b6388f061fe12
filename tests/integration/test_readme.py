"""The ten lines of the README, run as they stand there."""

import re
import subprocess
from pathlib import Path
from signal import SIGTERM

import psycopg
import pytest

from tests.support.cli import ucrepl, ucrepl_command, ucrepl_environment
from tests.support.databases import MakeDatabase
from tests.support.numbering import TABLES, Writer
from tests.support.pair import value
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
DSNS = ("host=/run/postgresql dbname=odoo", "host=milan dbname=odoo user=odoo password=${MILAN_PASSWORD}")
USERS = (
    "CREATE TABLE res_users (id serial PRIMARY KEY, login text, password text); INSERT INTO res_users VALUES (2, 'a')"
)
PASSWORD = "SELECT password FROM res_users WHERE id = 2"


def commands() -> str:
    found = re.search(r"<!-- cluster commands -->\n```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_ten_lines_make_a_cluster(database: MakeDatabase, tmp_path: Path) -> None:
    ends = (database(), database())
    for dsn in ends:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"{TABLES}; {USERS}".encode())
            sequence = Writer(connection).make_sequence("Orders")
            Writer(connection).make_sequence("Hashes", implementation="no_gap")
    script = commands()
    for written, dsn in zip(DSNS, ends, strict=True):
        assert written in script
        script = script.replace(written, dsn)
    (tmp_path / "bin").mkdir()
    for name, line in (("pip", "exit 0"), ("ucrepl", f'exec {" ".join(ucrepl_command())} "$@"')):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    environment = ucrepl_environment(PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
    log, config = tmp_path / "said", tmp_path / "ucrepl.yaml"
    with log.open("wb") as said, subprocess.Popen(
        ["/bin/bash", "-c", re.sub(r"^(ucrepl .* run) ", r"exec \1 ", script, flags=re.MULTILINE)],
        cwd=tmp_path, env=environment, stdout=said, stderr=said,
    ) as shell:  # fmt: skip
        try:
            wait_for(lambda: b'"ready"' in log.read_bytes() or shell.poll() is not None, 120, "the daemon")
            assert shell.poll() is None, log.read_text("utf-8")
            for here in ends:
                with psycopg.connect(here) as connection:
                    connection.execute("UPDATE res_users SET password = %s WHERE id = 2", [here])
                wait_for(lambda: {value(dsn, PASSWORD) for dsn in ends} == {here}, what="the password")  # noqa: B023
        finally:
            shell.send_signal(SIGTERM)
    assert shell.returncode == 0
    said_last = ucrepl("check", config=config).stdout
    assert [line for line in said_last.splitlines() if line.startswith(("error", "warning"))] == []
    assert len({value(dsn, "SELECT nextval('account_move_id_seq') % 4") for dsn in ends}) == len(ends)
    assert len({value(dsn, f"SELECT nextval('ir_sequence_{sequence:03}') % 2") for dsn in ends}) == len(ends)
    milan = psycopg.connect(ends[1], autocommit=True)
    with milan, pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="are posted on 'turin' only"):
        Writer(milan).post_new("INV/1")
