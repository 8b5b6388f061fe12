"""The documentation holds what `--help` and the schema of the configuration have."""

import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

from ucrepl.cli.main import build_parser
from ucrepl.config import Config, Cutover, Daemon, Link, Metrics, Node, NumberOwner, Numbers, PgBouncer, Rule
from ucrepl.daemon.durations import Durations
from ucrepl.daemon.metrics import Seen, families
from ucrepl.errors import Exit
from ucrepl.link.cutover.report import Report
from ucrepl.link.status import LinkStatus, State
from ucrepl.packs import load_packs

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
DOCUMENTATION = README + "".join(f.read_text() for f in sorted((CHECKOUT / "docs").glob("*.md")))


def commands(parser: ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for name, child in action.choices.items():
                yield (*path, name), child
                yield from commands(child, (*path, name))


COMMANDS = dict(commands(build_parser()))


@pytest.mark.parametrize("path", [path for path in COMMANDS if len(path) == 1], ids=" ".join)
def test_every_command_is_in_the_readme(path: tuple[str, ...]) -> None:
    assert re.search(rf"`{path[0]}\b", README)


@pytest.mark.parametrize("path", [path for path in COMMANDS if len(path) > 1], ids=" ".join)
def test_every_part_of_a_command_is_documented(path: tuple[str, ...]) -> None:
    assert re.search(rf"`{path[0]} [^`]*\b{path[1]}\b", DOCUMENTATION)


@pytest.mark.parametrize(
    "option",
    sorted(
        {
            option
            for parser in COMMANDS.values()
            for action in parser._actions
            for option in action.option_strings
            if option.startswith("--")
        }
        - {"--help"}
    ),
)
def test_every_option_is_documented(option: str) -> None:
    assert re.search(rf"{re.escape(option)}\b", DOCUMENTATION)


KEYS = [
    *(key for key in Config.model_fields if key not in {"daemon", "metrics"}),
    *(f"nodes.NAME.{key}" for key in Node.model_fields),
    *(f"links[].{field.serialization_alias or key}" for key, field in Link.model_fields.items()),
    *(f"rules[].{key}" for key in Rule.model_fields),
    *(f"numbers.{key}" for key in Numbers.model_fields),
    *(f"numbers.owners[].{key}" for key in NumberOwner.model_fields),
    *(f"daemon.{key}" for key in Daemon.model_fields),
    *(f"metrics.{key}" for key in Metrics.model_fields),
]


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_the_configuration_is_in_the_readme(key: str) -> None:
    assert f"`{key}`" in README


@pytest.mark.parametrize("key", [*Cutover.model_fields, *(f"pgbouncer.{key}" for key in PgBouncer.model_fields)])
def test_every_key_of_the_cutover_is_documented(key: str) -> None:
    assert f"`{key}`" in DOCUMENTATION or key == "pgbouncer"


@pytest.mark.parametrize("field", Report.__dataclass_fields__)
def test_every_field_of_the_report_is_documented(field: str) -> None:
    assert f"`{field}`" in DOCUMENTATION


@pytest.mark.parametrize("code", [code for code in Exit if code is not Exit.BROKEN_PIPE], ids=lambda code: code.name)
def test_every_exit_code_is_in_the_readme(code: Exit) -> None:
    assert re.search(rf"\b{code.value} \w", README)


@pytest.mark.parametrize("field", LinkStatus.__dataclass_fields__)
def test_every_field_of_the_status_is_documented(field: str) -> None:
    assert f"`{field}`" in DOCUMENTATION


OPERATIONS = (CHECKOUT / "docs" / "operations.md").read_text()
METRICS = OPERATIONS[OPERATIONS.index("\n## Metrics\n") :].partition("\n## Parked")[0]
STATUS = LinkStatus(
    "a->b", "idle", 1, 2.0, 3, 4, 5, 6, 7, skipped_by_rule={"no bus": 4}, parked_files=8, unknown_references=9, finer=9
)


def exported() -> dict[str, tuple[set[str], str]]:
    """Metric -> its labels and its type."""
    seen = {
        sample.name: (set(sample.labels), "gauge" if family.type == "info" else family.type)
        for family in families({"a->b": Seen(STATUS, Durations())})
        for sample in family.samples
    }
    return {name: found for name, found in seen.items() if not name.endswith(("_bucket", "_sum"))}


def test_the_metrics_that_are_documented_are_those_that_are_exported() -> None:
    rows = re.findall(r"^\| `(\w+)\{([\w, ]+)\}` \| (\w+) \|", METRICS, re.MULTILINE)
    documented = {name: (set(labels.split(", ")), kind) for name, labels, kind in rows}
    assert documented == {name.removesuffix("_count"): found for name, found in exported().items()}


def test_the_alerts_ask_for_metrics_and_states_that_there_are() -> None:
    [block] = [part for part in re.findall(r"```yaml\n(.*?)```", METRICS, re.DOTALL) if "alert" in part]
    rules = [rule for group in yaml.safe_load(block)["groups"] for rule in group["rules"]]
    expressions = "\n".join(rule["expr"] for rule in rules)
    named = set(re.findall(r"ucrepl_\w+", expressions))
    states = {state for some in re.findall(r'state=~"([^"]+)"', expressions) for state in some.split("|")}
    assert named <= exported().keys()
    assert {"down", "paused"} <= states <= set(get_args(State))
    assert len(rules) == len({rule["alert"] for rule in rules})


LEFT_BEHIND = README[README.index("\n### What `cluster` does not bring\n") :].partition("\n## ")[0]


def test_the_readme_lists_what_a_cluster_does_not_bring() -> None:
    rows = re.findall(r"^\| ([\w -]+) \| (.+) \|$", LEFT_BEHIND, re.MULTILINE)[1:]
    assert rows == [(rule.name, rule.reason) for rule in load_packs().policies if rule.holds_back]


def test_only_what_holds_something_back_gives_a_reason() -> None:
    assert [rule.name for rule in load_packs().policies if bool(rule.reason) != rule.holds_back] == []
