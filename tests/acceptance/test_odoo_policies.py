"""The policies of our packs on real Odoo databases, and for all that is known of Odoo 8 to 19."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, get_args

import psycopg
import pytest
import yaml

from tests.support.databases import MakeDatabase
from tests.support.odoo import odoo_file, play_workload
from tests.support.pair import Pair, value
from ucrepl.config import Mode
from ucrepl.packs import load_packs
from ucrepl.plan.catalog import Column, Table, TableName
from ucrepl.plan.model import RuleUse
from ucrepl.plan.policy import Policies

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
LISTING: Final = Path(__file__).with_name("policies.txt")
"""What becomes of each table of the facts; beside it are files for those of the dumps."""
WRITE: Final = "UCREPL_WRITE_LISTINGS"
"""With this variable the files are written, to be read and committed."""
COLUMNS: Final = """
SELECT c.relname, (SELECT count(*) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
"""
TEMPLATES: Final = [pytest.param(t, marks=pytest.mark.xdist_group(t)) for t in ("odoo18", "odoo14")]
# Where we differ from the proposal in the facts: (table, policy) -> what we do, and why.
OTHERWISE: Final = {
    ("auth_oauth_provider", "cluster"): "replicate",  # who is let in is the same everywhere
    ("res_company_ldap", "cluster"): "replicate",
    ("res_company", "cluster"): "replicate",  # in a cluster companies are data
    # Who may do what is the same everywhere; what modules bring is left to them.
    ("ir_model_access", "cluster"): "replicate",
    ("ir_rule", "cluster"): "replicate",
    ("rule_group_rel", "cluster"): "replicate",
    ("res_groups", "cluster"): "replicate",
    ("res_groups_implied_rel", "cluster"): "replicate",
    ("res_groups_privilege", "cluster"): "replicate",
    ("report_paperformat", "cluster"): "replicate",
    ("ir_model_data", "migrate"): "replicate",  # those of modules are skipped, by a rule for single rows
    ("ir_translation", "migrate"): "replicate",  # how they are transformed is not a matter of policies
    ("ir_property", "migrate"): "replicate",
    ("stock_quant", "cluster"): "replicate",  # as totals: differences are added up
    ("ir_sequence", "cluster"): "replicate",  # a new journal or warehouse can't be without; what is there is protected
    ("ir_sequence_date_range", "cluster"): "replicate",
    ("mail_alias", "migrate"): "insert-only",  # a new team can't be without
    ("res_company_users_rel", "migrate"): "replicate",
    ("res_groups_users_rel", "migrate"): "replicate",
}


def fields_of_facts() -> dict[TableName, dict[str, str]]:
    """Table -> column -> its type, of all models and stored fields that the differences between versions name."""
    packs = load_packs()
    tables: dict[TableName, dict[str, str]] = {}
    for step in yaml.load(odoo_file("facts/schema_diff.yaml").read_text(), yaml.CSafeLoader).values():
        for named in (*step.get("models_gone", ()), *step.get("models_new", ())):
            tables.setdefault(TableName("public", packs.table_of(named.partition(" ")[0])), {})
        for model, changes in step.get("changes", {}).items():
            columns = tables.setdefault(TableName("public", packs.table_of(model)), {})
            for kind in ("removed", "added", "changed"):
                columns |= changes.get(kind, {})
    return tables


def uses_of(policy: Mode, name: TableName, columns: Iterable[str]) -> list[RuleUse]:
    """What our rules say of a table with these columns."""
    found = {column: Column(column, "text") for column in ("id", *columns)}
    table = Table(name, found, key=("id",), sequence="public.s")
    return list(Policies((), load_packs(), policy).of(table, table).uses(table))


def listed(table: str, columns: int, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """What each policy does with a table, and with those of its columns of which a rule speaks, in a line."""
    said = {}
    for policy, uses in found.items():
        [whole] = [use for use in uses if use["column"] is None and use["where"] is None]
        assert whole["rule"], f"no rule speaks of {table}"
        rows = [f"rows {use['says']} ({use['rule']})" for use in uses if use["where"]]
        spoken = Counter(f"{use['says']} ({use['rule']})" for use in uses if use["column"])
        parts = [f"{whole['says']} ({whole['rule']})", *rows, *(f"{n} columns {says}" for says, n in spoken.items())]
        said[policy] = "; ".join(parts)
    texts = [f"{policy}: {text}" for policy, text in said.items()] if len({*said.values()}) > 1 else [said["cluster"]]
    return f"{table} with {columns} columns - {' | '.join(texts)}"


def check_listing(lines: list[str], file: Path) -> None:
    """Compare what becomes of each table with what stands in a file."""
    if WRITE in os.environ:
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    assert lines == file.read_text("utf-8").splitlines(), f"read what is new, then write it with {WRITE}=1"


def test_all_tables_and_columns_of_all_versions_are_covered() -> None:
    found = [
        listed(
            str(name),
            len(columns),
            {policy: [asdict(use) for use in uses_of(policy, name, columns)] for policy in MODES},
        )
        for name, columns in sorted(fields_of_facts().items())
    ]
    check_listing(found, LISTING)


def test_our_rules_mean_what_the_facts_propose() -> None:
    proposed = yaml.load(odoo_file("facts/policy.yaml").read_text(), yaml.CSafeLoader)["rules"]
    wrong, seen = [], set()
    for rule in proposed:
        for pattern in rule["tables"]:
            if rule.get("where") or pattern in {"*", "pg_*"} or "." in pattern:
                continue  # PostgreSQL's own tables are never looked at
            name = pattern.replace("*", "x" if pattern.startswith("*") else "xyz")
            if name in seen or name == "x_rel":
                continue
            seen.add(name)
            for policy in ("cluster", "migrate"):
                uses = uses_of(policy, TableName("public", name), rule.get("columns", ()))
                [says] = [use.says for use in uses if use.column is None and use.where is None]
                if says != OTHERWISE.get((name, policy), rule[policy]):
                    wrong.append((name, policy, says, rule[policy]))
    assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("template", TEMPLATES)
def test_policies_of_a_real_odoo(template: str, database: MakeDatabase, tmp_path: Path) -> None:
    turin = database(template)
    with psycopg.connect(turin) as connection:
        columns: dict[str, int] = dict(connection.execute(COLUMNS).fetchall())
    found: dict[str, dict[str, list[dict[str, Any]]]] = {table: {} for table in columns}
    for policy in MODES:
        folder = tmp_path / policy
        folder.mkdir()
        pair = Pair.linked(folder, turin, database(template), policy=policy)
        for use in json.loads(pair.run("plan", "turin->milan", "--json"))["rules"]:
            found[use["table"]].setdefault(policy, []).append(use)
    lines = [listed(table, columns[table], uses) for table, uses in sorted(found.items())]
    check_listing(lines, LISTING.with_suffix(f".{template}.txt"))


@pytest.mark.long
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_cluster_of_real_odoos_sends_no_mail_and_runs_no_cron_twice(
    template: str, database: MakeDatabase, tmp_path: Path
) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template), policy="cluster")
    pair.run("install")
    pair.run("seed", "--same-ids")
    mails = value(pair.milan, "SELECT count(*) FROM mail_mail")
    secret = value(
        pair.milan, "UPDATE ir_config_parameter SET value = 'of milan' WHERE key = 'database.secret' RETURNING id"
    )
    crons = value(pair.milan, "SELECT array_agg((id, nextcall, active)::text ORDER BY id) FROM ir_cron")
    play_workload(pair.turin, template)
    with psycopg.connect(pair.turin) as turin:
        turin.execute("UPDATE ir_cron SET nextcall = nextcall + interval '1 day', active = NOT active")
        turin.execute("UPDATE ir_config_parameter SET value = 'of turin' WHERE key = 'database.secret'")
        turin.execute("INSERT INTO mail_mail (mail_message_id, state) SELECT min(id), 'outgoing' FROM mail_message")
    drained = pair.drain_all()
    pair.assert_went_as_a_whole()
    assert drained["turin->milan"]["applied"] > 100
    assert value(pair.milan, "SELECT count(*) FROM mail_mail") == mails
    assert value(pair.milan, "SELECT value FROM ir_config_parameter WHERE id = %s", secret) == "of milan"
    assert value(pair.milan, "SELECT array_agg((id, nextcall, active)::text ORDER BY id) FROM ir_cron") == crons
    skipped = pair.status()["turin->milan"]["skipped_by_rule"]
    assert skipped.keys() >= {"outgoing mail", "scheduler", "database secret"}
    pair.run("verify", "turin->milan")
