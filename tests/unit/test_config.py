"""The configuration file: what it may say, and what is said of what it may not."""

import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ucrepl.config import Config, InvalidConfigError, Link, Node, Problem, Rule, load_config, parse_config
from ucrepl.errors import ConfigError, Exit

CONTRACT = """\
nodes:
  turin: {dsn: "host=/run/postgresql dbname=odoo", filestore: /var/lib/odoo/filestore/odoo}
  milan: {dsn: "host=milan dbname=odoo user=ucrepl"}
links:
  - {from: turin, to: milan, policy: cluster, conflicts: latest}
  - {from: milan, to: turin, policy: cluster, conflicts: latest}
rules:                       # for all links; a link may have its own `rules`
  - table: res_partner
    protect: {comment: 3, credit_limit: 2}
  - table: mail_message
    skip: true
"""
NODES = "nodes: {a: {dsn: host=a}, b: {dsn: host=b}, c: {dsn: host=c}}\n"


def parse(text: str, **environ: str) -> Config:
    return parse_config(text, "u.yaml", environ)


def problems(text: str, **environ: str) -> list[Problem]:
    with pytest.raises(InvalidConfigError) as caught:
        parse(text, **environ)
    return list(caught.value.problems)


def problem(text: str, **environ: str) -> Problem:
    (only,) = problems(text, **environ)
    return only


def rule(text: str) -> Rule:
    return parse(f"{NODES}rules: [{text}]").rules[0]


# What is right


def test_the_example_of_the_contract() -> None:
    config = parse(CONTRACT)
    turin, milan = config.nodes["turin"], config.nodes["milan"]
    assert turin.dsn == "host=/run/postgresql dbname=odoo"
    assert turin.filestore == Path("/var/lib/odoo/filestore/odoo")
    assert milan.filestore is None
    assert [link.name for link in config.links] == ["turin->milan", "milan->turin"]
    assert (config.links[0].source, config.links[0].target) == ("turin", "milan")
    assert config.rules[0].protect == {"comment": 3, "credit_limit": 2}
    assert config.rules[1].skip


def test_defaults() -> None:
    config = parse(NODES + "links: [{from: a, to: b}]")
    link = config.links[0]
    assert (link.policy, link.conflicts, link.deleted, link.ids) == (None, "latest", "delete", "remap")
    assert (link.batch_rows, link.poll_seconds, link.lock_timeout_ms) == (20_000, 1.0, 500)
    assert link.rules == config.rules == []
    assert config.daemon.log_level == "info"


def test_a_section_without_content_is_as_if_absent() -> None:
    assert parse(NODES + "links:\nrules:\n  # - table: x\ndaemon:\n") == parse(NODES)


def test_rules_of_the_link_come_first_and_all_have_names() -> None:
    config = parse(
        NODES + "links: [{from: a, to: b, rules: [{table: x, skip: true}]}, {from: b, to: a}]\n"
        "rules: [{table: y, skip: true, name: mine}, {table: mail_message, skip: true}]"
    )
    there, back = config.links
    assert [r.name for r in config.rules_for(there)] == ["links[0].rules[0] x", "mine", "rules[1] mail_message"]
    assert [r.name for r in config.rules_for(back)] == ["mine", "rules[1] mail_message"]


def test_missing_of_a_rule_for_the_table_or_for_columns() -> None:
    assert rule("{table: x, missing: fetch}").missing == "fetch"
    assert rule("{table: x, missing: null}").missing == "null"
    assert rule("{table: x, missing: 'null'}").missing == "null"
    assert rule("{table: x, missing: {a: null, b: park}}").missing == {"a": "null", "b": "park"}
    assert rule("{table: x, skip: true}").missing is None


def test_missing_of_a_link() -> None:
    for text, expected in (("", None), (", missing: null", "null"), (", missing: fetch", "fetch")):
        config = parse(NODES + f"links: [{{from: a, to: b{text}}}]")
        assert config.links[0].missing == expected


def test_conflicts_of_a_rule_for_the_table_or_for_columns() -> None:
    assert rule("{table: x, conflicts: park}").conflicts == "park"
    assert rule("{table: x, conflicts: {a: source, b: target}}").conflicts == {"a": "source", "b": "target"}


def test_words_that_yaml_takes_for_something_else_are_words() -> None:
    config = parse("nodes: {no: {dsn: host=no}, on: {dsn: host=on}}\nlinks: [{from: no, to: on}]")
    assert config.links[0].name == "no->on"
    assert rule("{table: 0123, protect: {null: 1, yes: 2, 1: 3, [: 4}}".replace("[", '"[key]"')).protect == {
        "null": 1,
        "yes": 2,
        "1": 3,
        "[key]": 4,
    }
    assert rule("{table: 2024-01-01, skip: yes}").table == "2024-01-01"


def test_anchors() -> None:
    config = parse(
        NODES + "links:\n- {from: a, to: b, rules: &r [{table: x, skip: true}]}\n- {from: b, to: a, rules: *r}"
    )
    assert config.links[1].rules[0].skip


@pytest.mark.parametrize(
    ("pattern", "schema", "table", "fits"),
    [
        ("res_partner", "public", "res_partner", True),
        ("res_partner", "public", "res_partner_bank", False),
        ("res_partner", "other", "res_partner", True),
        ("public.res_partner", "public", "res_partner", True),
        ("public.res_partner", "other", "res_partner", False),
        ("mail_*", "public", "mail_message", True),
        ("mail_*", "mail_x", "message", False),
        ("mail_*", "public", "xmail_message", False),
        ("*", "public", "Products", True),
        ("audit.*", "audit", "anything", True),
        ("audit.*", "public", "audit", False),
        ("a.b", "public", "a.b", True),
        ("x[a]?", "public", "x[a]?", True),
        ("x[a]?", "public", "xab", False),
        ("a*c", "public", "a\nc", True),
    ],
)
def test_which_tables_a_rule_is_for(pattern: str, schema: str, table: str, *, fits: bool) -> None:
    assert Rule(table=pattern, skip=True).matches(schema, table) is fits


def test_models_can_be_made_in_code_and_are_frozen() -> None:
    config = Config(
        nodes={"a": Node(dsn="host=a"), "b": Node(dsn="host=b")},
        links=[Link(source="a", target="b")],
        rules=[Rule(table="x", skip=True)],
    )
    assert config.rules[0].name == "rules[0] x"
    with pytest.raises(ValidationError):
        config.links[0].batch_rows = 1
    with pytest.raises(ValidationError, match="has no effect"):
        Rule(table="x")


def test_links_that_share_ids_join_nodes() -> None:
    config = parse(
        "nodes: {a: {dsn: host=a}, b: {dsn: host=b}, c: {dsn: host=c}, d: {dsn: host=d}, e: {dsn: host=e}}\n"
        "links: [{from: a, to: b, ids: shared}, {from: d, to: e, ids: shared}, {from: c, to: d},"
        " {from: c, to: b, ids: shared}, {from: b, to: c, ids: shared}]"
    )
    links = {link.name: link for link in config.links}
    assert [link.name for link in config.sharing_with([links["a->b"]])] == ["a->b", "c->b", "b->c"]
    assert [link.name for link in config.sharing_with([links["d->e"]])] == ["d->e"]
    assert config.sharing_with([]) == []


def test_a_link_by_its_name() -> None:
    config = parse(CONTRACT)
    assert config.link("milan->turin") is config.links[1]
    with pytest.raises(ConfigError, match="no link 'milan->turn'") as caught:
        config.link("milan->turn")
    assert caught.value.hint == "did you mean 'milan->turin'?"
    with pytest.raises(ConfigError) as caught:
        parse(NODES).link("a->b")
    assert caught.value.hint


# Variables


def test_variables() -> None:
    text = 'nodes: {"${N}": {dsn: "host=${H} user=$USER password=$${P} dbname=${D}${D}"}}\n'
    config = parse(text, N="turin", H="h", D="d")
    assert config.nodes["turin"].dsn == "host=h user=$USER password=${P} dbname=dd"


def test_a_variable_serves_for_numbers_and_is_never_read_as_yaml() -> None:
    link = parse(NODES + "links:\n - from: a\n   to: ${TO}\n   batch_rows: ${ROWS}", TO="b", ROWS="5").links[0]
    assert (link.target, link.batch_rows) == ("b", 5)
    assert parse("nodes: {a: {dsn: '${DSN}'}}", DSN="host='a: {#['").nodes["a"].dsn == "host='a: {#['"


def test_an_unset_variable_is_named() -> None:
    found = problem('nodes:\n  a:\n    dsn: "host=x password=${PW}"')
    assert str(found) == (
        "u.yaml:3:10: nodes.a.dsn: the environment variable 'PW' is not set"
        " (set PW, or write $${PW} for the text itself)"
    )


@pytest.mark.parametrize("text", ["${}", "${a b}", "${1}", "${open", "${A:-b}"])
def test_what_is_not_a_variable(text: str) -> None:
    assert "is not a variable" in problem(f'nodes: {{a: {{dsn: "{text}"}}}}', A="x").message


# What is wrong with the file or the YAML


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read .*: no such file or directory") as caught:
        load_config(tmp_path / "none.yaml")
    assert "config sample" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="is a directory"):
        load_config(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"nodes: \xe9")
    with pytest.raises(ConfigError, match="not in UTF-8"):
        load_config(latin)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + CONTRACT.encode())
    assert load_config(path) == parse(CONTRACT)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "1:1", "the file is empty"),
        ("# nothing\n", "1:1", "the file is empty"),
        ("nodes:\n\ta: 1", "2:1", "not valid YAML: .*'\\\\t'"),
        ("nodes: [", "1:9", "not valid YAML"),
        ("nodes: {a: {dsn: ${X}}}", "1:19", r"not valid YAML.*\(a value with \$\{…\} needs quotes\)"),
        ('nodes: {a: {dsn: "\x01"}}', "1:19", "the character '\\\\x01' is not allowed"),
        ("a: 1\n---\nb: 2", "2:1", "not valid YAML: expected a single document"),
        ("nodes: *x", "1:8", "undefined alias 'x'"),
        ("- a", "1:1", "must be a mapping"),
        ("words", "1:1", "must be a mapping"),
        (NODES + "rules: !x []", "2:8", "rules: the tag '!x' is not understood"),
        (NODES + "? [a]\n: b", "2:3", "a key must be a word"),
        (NODES + "rules: &a [*a]", "2:8", r"rules\[0\]: an alias that contains itself"),
    ],
)
def test_what_is_not_yaml_for_us(text: str, place: str, words: str) -> None:
    found = problem(text)
    assert f"{found.line}:{found.column}" == place
    assert re.search(words, str(found))


def test_a_key_that_stands_twice() -> None:
    found = problem("nodes:\n  a: {dsn: host=a}\n  b: {dsn: host=b}\n  a: {dsn: host=c}\n")
    assert str(found) == "u.yaml:4:3: nodes.a: the key 'a' stands here twice, first on line 2"


# What is wrong with what it says


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("nodes:", "nodes", "the key 'nodes' has no value"),
        ("links: []", "nodes", "the key 'nodes' is missing"),
        ("nodes: {}", "nodes", "must not be empty"),
        ("nodes: []", "nodes", "must be a mapping"),
        ("nodes: {a: host=a}", "nodes.a", "must be a mapping"),
        ("nodes: {a: {}}", "nodes.a.dsn", "the key 'dsn' is missing"),
        ("nodes: {a: {dsn: }}", "nodes.a.dsn", "the key 'dsn' has no value"),
        ('nodes: {a: {dsn: ""}}', "nodes.a.dsn", "must not be empty"),
        ("nodes: {a: {dsn: [x]}}", "nodes.a.dsn", "must be a text"),
        ("nodes: {a: {dsn: hots=x}}", "nodes.a.dsn", 'invalid connection option "hots"'),
        ("nodes: {a: {dsn: odoo}}", "nodes.a.dsn", "not a connection string"),
        ("nodes: {a: {dsn: host=a, filestore: rel/x}}", "nodes.a.filestore", "'rel/x' is not an absolute path"),
        ("nodes: {a b: {dsn: host=a}}", "nodes['a b']", "'a b' can't be the name of a node"),
        (f"nodes: {{{'a' * 41}: {{dsn: host=a}}}}", f"nodes.{'a' * 41}", "can't be the name"),
        ("nodes: {a->b: {dsn: host=a}}", "nodes['a->b']", "can't be the name"),
        ("nodes: {a: {dsn: host=x}, b: {dsn: 'postgresql://x:5432'}}", "nodes.b.dsn", "the same database as .* 'a'"),
        ("nodes: {a: {dsn: host=x user=y}, b: {dsn: host=x dbname=y}}", "nodes.b.dsn", "the same database as .* 'a'"),
        (NODES + "ruels: []", "ruels", r"unknown key 'ruels' \(did you mean 'rules'\?\)"),
        (
            NODES + "zzz: []",
            "zzz",
            r"unknown key 'zzz' \(known are nodes, .*, cutover\)",
        ),
        (NODES + "daemon: {loglevel: info}", "daemon.loglevel", "did you mean 'log_level'"),
        (NODES + "daemon: {log_level: loud}", "daemon.log_level", "'loud' is not one of debug, info, warning, error$"),
        (NODES + "links: {}", "links", "must be a list"),
        (NODES + "links: [x]", "links[0]", "must be a mapping"),
        (NODES + "links:\n-", "links[0]", "must be a mapping"),
        (NODES + "links: [{from: a, to: x}]", "links[0].to", r"unknown node 'x' \(known are a, b, c\)"),
        (NODES + "links: [{from: a, to: a}]", "links[0].to", "a link from 'a' to itself"),
        (NODES + "links: [{from: a, to: b}, {from: a, to: b}]", "links[1]", r"the same link as links\[0\]"),
        (NODES + "links: [{from: a, to: b, ids: share}]", "links[0].ids", "did you mean 'shared'"),
        (
            NODES + "links: [{from: a, to: b, ids: shared}, {from: b, to: a}]",
            "links[1]",
            r"shares ids otherwise than links\[0\], which leads back \(write the same 'ids' for both\)",
        ),
        (NODES + "links: [{from: a}]", "links[0].to", "the key 'to' is missing"),
        (NODES + "links: [{from: a, to: b, <<: c}]", "links[0]['<<']", "unknown key '<<'"),
        (NODES + "links: [{from: a, to: b, policy: clstr}]", "links[0].policy", "did you mean 'cluster'"),
        (NODES + "links: [{from: a, to: b, conflicts: newest}]", "links[0].conflicts", "'newest' is not one of latest"),
        (NODES + "links: [{from: a, to: b, conflicts: [a]}]", "links[0].conflicts", "this is not one of latest"),
        (NODES + "links: [{from: a, to: b, deleted: keep}]", "links[0].deleted", "'keep' is not one of delete, park"),
        (NODES + "links: [{from: a, to: b, batch_rows: 0}]", "links[0].batch_rows", "'0' is too small"),
        (NODES + "links: [{from: a, to: b, batch_rows: 1.5}]", "links[0].batch_rows", "'1.5' is not a whole number"),
        (NODES + "links: [{from: a, to: b, batch_rows: yes}]", "links[0].batch_rows", "'yes' is not a whole number"),
        (NODES + "links: [{from: a, to: b, poll_seconds: 0}]", "links[0].poll_seconds", "too small .the least is 0.01"),
        (NODES + "links: [{from: a, to: b, poll_seconds: often}]", "links[0].poll_seconds", "'often' is not a number"),
        (NODES + "links: [{from: a, to: b, poll_seconds: nan}]", "links[0].poll_seconds", "'nan'"),
        (NODES + "links: [{from: a, to: b, lock_timeout_ms: 0}]", "links[0].lock_timeout_ms", "'0' is too small"),
        (NODES + "links: [{from: a, to: b, rules: [{table: x}]}]", "links[0].rules[0]", "'x' has no effect"),
        (NODES + "rules: [{skip: true}]", "rules[0].table", "the key 'table' is missing"),
        (NODES + "rules: [{table: x}]", "rules[0]", "the rule for 'x' has no effect"),
        (NODES + "rules: [{table: x, protect: {}}]", "rules[0]", "the rule for 'x' has no effect"),
        (NODES + "rules: [{table: x, skip: true, keys: [[a]]}]", "rules[0]", "leaves 'keys' without effect"),
        (NODES + "rules: [{table: x, skip: perhaps}]", "rules[0].skip", "'perhaps' is not true or false"),
        (NODES + "rules: [{table: x, skip: [1]}]", "rules[0].skip", "must be true or false"),
        (NODES + "rules: [{table: x, protect: {c: 6}}]", "rules[0].protect.c", "'6' is too great .the greatest is 5"),
        (NODES + "rules: [{table: x, protect: {c: -1}}]", "rules[0].protect.c", "'-1' is too small .the least is 0"),
        (NODES + "rules: [{table: x, protect: {c: }}]", "rules[0].protect.c", "must be a whole number"),
        (NODES + "rules: [{table: x, protect: {'': 1}}]", "rules[0].protect['']", "must not be empty"),
        (NODES + "rules: [{table: x, protect: [c]}]", "rules[0].protect", "must be a mapping"),
        (NODES + "rules: [{table: x, keys: [a]}]", "rules[0].keys[0]", "must be a list"),
        (NODES + "rules: [{table: x, keys: [[]]}]", "rules[0].keys[0]", "must not be empty"),
        (NODES + "rules: [{table: x, keys: [[a, a]]}]", "rules[0].keys[0]", "names a column twice"),
        (NODES + "rules: [{table: x, keys: [[a, 'a?']]}]", "rules[0].keys[0]", "names a column twice"),
        (
            NODES + "rules: [{table: x, keys: [['a?', 'b?']]}]",
            "rules[0].keys[0]",
            "all columns of the key",
        ),
        (NODES + "links: [{from: a, to: b, missing: fetsch}]", "links[0].missing", "did you mean 'fetch'"),
        (NODES + "rules: [{table: x, missing: prak}]", "rules[0].missing", "did you mean 'park'"),
        (NODES + "rules: [{table: x, missing: {c: nul}}]", "rules[0].missing.c", "did you mean 'null'"),
        (NODES + "rules: [{table: x, missing: [a]}]", "rules[0].missing", "this is not one of null, park, fetch"),
        (NODES + "rules: [{table: x, skip: true, missing: park}]", "rules[0]", "leaves 'missing' without effect"),
        (NODES + "rules: [{table: x, action: skp}]", "rules[0].action", "did you mean 'skip'"),
        (NODES + "rules: [{table: x, action: skip, keys: [[a]]}]", "rules[0]", "leaves 'keys' without effect"),
        (NODES + "rules: [{table: x, skip: true, action: protect}]", "rules[0]", "leaves 'action' without effect"),
        (NODES + "rules: [{table: x, conflicts: lates}]", "rules[0].conflicts", "did you mean 'latest'"),
        (NODES + "rules: [{table: x, conflicts: {c: lates}}]", "rules[0].conflicts.c", "did you mean 'latest'"),
        (NODES + "rules: [{table: x, set: {c: [1]}}]", "rules[0].set.c", "must be a text"),
        (NODES + "rules: [{table: x, set: {c: ''}}]", "rules[0].set.c", "must not be empty"),
        (NODES + "rules: [{table: x, set: email}]", "rules[0].set", "must be a mapping"),
        (NODES + "rules: [{table: x, skip: true, set: {c: null}}]", "rules[0]", "leaves 'set' without effect"),
        (
            NODES + "rules: [{table: x, skip: true, name: n}, {table: y, skip: true, name: n}]",
            "rules[1].name",
            r"the name 'n' is already that of rules\[0\]",
        ),
    ],
)
def test_what_is_refused(text: str, where: str, words: str) -> None:
    found = problem(text)
    assert found.key_path == where
    said = found.message + (f" ({found.hint})" if found.hint else "")
    assert re.search(words, said), said


def test_a_key_called_as_in_the_code_leads_to_the_one_of_the_file() -> None:
    missing, unknown = problems(NODES + "links: [{source: a, to: b}]")
    assert missing.key_path == "links[0].from"
    assert unknown.hint == "did you mean 'from'?"


def test_all_errors_at_once_in_the_order_of_the_file() -> None:
    text = """\
nodes:
  turin: {dsn: "host=turin", filestor: /x}
  milan: {dsn: "${UNSET}"}
links:
  - from: turn
    to: milan
    batch_rows: many
rules:
  - table: res_partner
    protect:
      comment: 7
  - table: x
"""
    with pytest.raises(InvalidConfigError) as caught:
        parse(text)
    error = caught.value
    assert [(p.line, p.column, p.key_path) for p in error.problems] == [
        (2, 30, "nodes.turin.filestor"),
        (3, 16, "nodes.milan.dsn"),
        (5, 11, "links[0].from"),
        (7, 17, "links[0].batch_rows"),
        (11, 16, "rules[0].protect.comment"),
        (12, 5, "rules[1]"),
    ]
    assert str(error).splitlines()[0] == "u.yaml has 6 errors"
    assert len(str(error).splitlines()) == 7
    assert error.exit_code == Exit.USAGE
    assert error.hint


# Passwords

SECRET = "geheim"


@pytest.mark.parametrize(
    "dsn", [f"host=x password={SECRET}", f"postgresql://u:{SECRET}@x/d", f"host=x sslpassword={SECRET}"]
)
def test_a_password_shows_nowhere(dsn: str) -> None:
    config = parse("nodes: {a: {dsn: '${DSN}'}}", DSN=dsn)
    node = config.nodes["a"]
    assert node.dsn == dsn
    assert "host=x" in node.safe_dsn
    for shown in (node.safe_dsn, repr(node), str(node), repr(config), f"{config}", config.model_dump_json()):
        assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"nodes: {{a: 'host=x password={SECRET}'}}",
        f"nodes: {{a: {{dsn: 'host=x password=ab {SECRET}'}}}}",
        f"nodes: {{a: {{dsn: 'hots=x password={SECRET}'}}}}",
        f"nodes: {{a: {{dsn: 'postgresql://u:{SECRET}%@x/y'}}}}",
        f"nodes: {{a: {{dsn: host=x, filestore: 'password={SECRET}'}}}}",
        f"nodes: {{a: {{dsn: host=x, 'password={SECRET}': y}}}}",
        f"{NODES}links: [{{from: 'postgresql://u:{SECRET}@x/y', to: a}}]",
        f"{NODES}links: [{{from: b, to: a, policy: 'host=x password={SECRET}'}}]",
        f"{NODES}links: [{{from: b, to: '${{SECRET}}'}}]",
        f"{NODES}'host=x password={SECRET}': {{}}",
        f"nodes: {{'host=x password={SECRET}': {{}}}}",
    ],
)
def test_a_password_in_the_wrong_place_does_not_show_in_the_error(text: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        parse(text, SECRET=SECRET)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__context__)


def test_models_made_in_code_hide_it_in_their_errors() -> None:
    with pytest.raises(ValidationError) as caught:
        Node(dsn=f"hots=x password={SECRET}")
    assert SECRET not in str(caught.value)


# The sample and the schema


def sample() -> str:
    return resources.files("ucrepl.config").joinpath("sample.yaml").read_text("utf-8")


def keys_of(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    parts = [schema, *schema["$defs"].values()]
    return {key: value for part in parts for key, value in part["properties"].items()}


def test_the_sample_is_right_when_its_variables_are_set() -> None:
    config = parse(sample(), UCREPL_MILAN_PASSWORD=SECRET)
    assert config.links[0].model_dump(exclude={"rules"}) == Link(
        source="turin", target="milan", policy="cluster"
    ).model_dump(exclude={"rules"})
    assert "UCREPL_MILAN_PASSWORD" in problem(sample()).message


def test_the_sample_explains_every_key() -> None:
    lines = sample().splitlines()
    for key in keys_of(Config.model_json_schema(by_alias=True)):
        above = [lines[i - 1].strip(" -") for i, line in enumerate(lines) if re.match(rf"[ -]*{key}:", line)]
        assert any(line.startswith("#") for line in above), f"{key} is not explained"


def test_the_schema_describes_every_key() -> None:
    keys = keys_of(Config.model_json_schema(by_alias=True))
    assert {"from", "to", "dsn", "protect", "log_level"} <= keys.keys()
    assert "source" not in keys
    assert all(value.get("description") for value in keys.values())


# Metrics


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:8187", "127.0.0.1", 8187), ("'[::1]:0'", "::1", 0), ("localhost:65535", "localhost", 65535)],
)
def test_the_address_of_metrics(listen: str, host: str, port: int) -> None:
    metrics = parse(f"nodes: {{a: {{dsn: dbname=a}}}}\nmetrics: {{listen: {listen}}}").metrics
    assert metrics
    assert (metrics.host, metrics.port) == (host, port)


@pytest.mark.parametrize("listen", ["8187", "':8187'", "'::1:8187'", "localhost", "'localhost:65536'", "'a b:1'"])
def test_what_is_no_address_for_metrics(listen: str) -> None:
    found = problem(f"nodes: {{a: {{dsn: dbname=a}}}}\nmetrics: {{listen: {listen}}}")
    assert str(found).startswith("u.yaml:2:")
    assert "metrics.listen" in str(found)
