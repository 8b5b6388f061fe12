"""The ten lines of the README, run as they stand there."""

import re
import subprocess
from pathlib import Path
from signal import SIGTERM

import psycopg
import pytest

from tests.support.cli import ucrepl, ucrepl_command, ucrepl_environment
from tests.support.databases import MakeDatabase
from tests.support.pair import value
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("odoo18")]

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
DSNS = ("host=/run/postgresql dbname=odoo", "host=milan dbname=odoo user=odoo password=${MILAN_PASSWORD}")
PASSWORD = "SELECT password FROM res_users WHERE id = 2"
STANDARD = "SELECT id FROM ir_sequence WHERE implementation = 'standard' ORDER BY id LIMIT 1"


def commands() -> str:
    found = re.search(r"<!-- cluster commands -->\n```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_ten_lines_make_a_cluster(database: MakeDatabase, tmp_path: Path) -> None:
    ends = (database("odoo18"), database("odoo18"))
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
            wait_for(lambda: b'"ready"' in log.read_bytes() or shell.poll() is not None, 300, "the daemon")
            assert shell.poll() is None, log.read_text("utf-8")
            for here, there in (ends, ends[::-1]):
                with psycopg.connect(here) as connection:
                    connection.execute("UPDATE res_users SET password = %s WHERE id = 2", [here])
                wait_for(lambda: {value(dsn, PASSWORD) for dsn in ends} == {here}, what=f"the password on {there}")  # noqa: B023
        finally:
            shell.send_signal(SIGTERM)
    assert shell.returncode == 0
    made = [value(dsn, "SELECT nextval('res_partner_id_seq') % 4") for dsn in ends]
    sequence = value(ends[0], STANDARD)
    drawn = [value(dsn, f"SELECT nextval('ir_sequence_{sequence:03}') % 2") for dsn in ends]
    assert made[0] != made[1]
    assert drawn[0] != drawn[1]
    checked = ucrepl("check", config=config).stdout
    assert not [line for line in checked.splitlines() if line.startswith(("error", "warning")) and "numbers" in line]
