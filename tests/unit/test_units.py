"""The units of systemd: clean, hardened, and in step with the program."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from importlib.resources import files
from pathlib import Path

import pytest

from ucrepl.errors import Exit

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNITS = ("ucrepl.service", "ucrepl@.service")
ANALYZE = shutil.which("systemd-analyze")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if ANALYZE is None:
        pytest.skip("systemd-analyze is not installed")
    command = [ANALYZE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def complaints(unit: Path) -> list[str]:
    """Give what `systemd-analyze verify` says of this unit; of others on the machine it may say what it likes."""
    result = analyze("verify", "--man=no", unit)
    lines = (result.stdout + result.stderr).splitlines()
    about_us = [line for line in lines if "ucrepl" in line]
    if not lines:
        assert result.returncode == 0
    return about_us


def copy_with_a_binary(name: str, folder: Path) -> Path:
    """Copy a unit with a program in ExecStart that exists, so that all the rest is verified."""
    text = (SYSTEMD / name).read_text()
    assert text.count("ExecStart=/usr/local/bin/ucrepl ") == 1
    copy = folder / name
    copy.write_text(text.replace("ExecStart=/usr/local/bin/ucrepl ", f"ExecStart={shutil.which('true')} "))
    return copy


def service(name: str) -> dict[str, str]:
    """Read the settings of [Service]; of one that stands there twice, the last."""
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEMD / name)
    return dict(parser["Service"])


@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    assert complaints(copy_with_a_binary(name, tmp_path)) == []


def test_a_slip_in_a_unit_would_be_seen(tmp_path: Path) -> None:
    unit = copy_with_a_binary("ucrepl.service", tmp_path)
    unit.write_text(unit.read_text().replace("PrivateTmp=yes", "PrivateTemp=yes"))
    assert any("PrivateTemp" in line for line in complaints(unit))


@pytest.mark.parametrize("name", UNITS)
def test_the_exposure_is_low(name: str, tmp_path: Path) -> None:
    unit = copy_with_a_binary(name, tmp_path)
    result = analyze("security", "--offline=true", "--threshold=20", "--no-pager", unit)
    if re.search("unrecognized option|invalid option", result.stderr):
        pytest.skip("systemd-analyze security knows no --offline before systemd 250")
    assert result.returncode == 0, result.stdout


def test_the_instance_differs_in_its_configuration_only() -> None:
    one, many = ((SYSTEMD / name).read_text().splitlines() for name in UNITS)
    differing = [(a, b) for a, b in zip(one, many, strict=True) if a != b]
    assert [(a.partition("=")[0], b.partition("=")[0]) for a, b in differing] == [
        ("Description",) * 2,
        ("ExecStart",) * 2,
    ]
    start, instance_start = differing[1]
    assert start.replace("/etc/ucrepl/ucrepl.yaml", "/etc/ucrepl/%i.yaml") == instance_start


@pytest.mark.parametrize("name", UNITS)
def test_what_a_start_can_not_mend_is_not_tried_again(name: str) -> None:
    codes = {int(code) for code in service(name)["RestartPreventExitStatus"].split()}
    assert codes == {Exit.USAGE, Exit.REFUSED}


def test_the_example_environment_fits_the_sample_configuration() -> None:
    lines = (SYSTEMD / "ucrepl.env").read_text().splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*='[^']*'", line) for line in lines if line and not line.startswith("#"))
    sample = (files("ucrepl") / "config" / "sample.yaml").read_text()
    assert names == set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]+)\}", sample)) - {"VAR"}


def test_the_unit_reads_the_environment_that_comes_with_it() -> None:
    assert service("ucrepl.service")["EnvironmentFile"] == "-/etc/ucrepl/ucrepl.env"
