"""`ucrepl config check | sample | schema`: everything about the configuration file that needs no database."""

from argparse import Namespace, _SubParsersAction
from importlib import resources
from typing import TYPE_CHECKING, Any

from ucrepl.cli import config_path
from ucrepl.cli.output import print_json, print_text, talk
from ucrepl.errors import Exit

if TYPE_CHECKING:
    from ucrepl.config import Config


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `config` and what can be done with it."""
    parser = subparsers.add_parser("config", help="check the configuration file, or explain it")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="report all errors of the file, with path and line")
    check.add_argument("--json", action="store_true", help="print the result as JSON")
    actions.add_parser("sample", help="print an example in which every key is explained")
    schema = actions.add_parser("schema", help="print the JSON Schema of the file, for editors")
    schema.add_argument("--packs", action="store_true", help="that of packs, which tell of further modules")


def run(args: Namespace) -> int:
    """Do what `args.action` says."""
    match args.action:
        case "sample":
            print_text(resources.files("ucrepl.config").joinpath("sample.yaml").read_text("utf-8"))
        case "schema":
            from ucrepl.config import Config
            from ucrepl.packs import Pack

            schema = (Pack if args.packs else Config).model_json_schema(by_alias=True)
            print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        case _:
            return _check(args)
    return Exit.OK


def _check(args: Namespace) -> int:
    from ucrepl.config import InvalidConfigError, load_config

    path = config_path(args)
    try:
        config = load_config(path)
    except InvalidConfigError as error:
        if not args.json:
            raise
        print_json({"ok": False, "errors": [problem.as_dict() for problem in error.problems]})
        return error.exit_code
    if args.json:
        print_json({"ok": True, "errors": []})
        return Exit.OK
    rules = len(config.rules) + sum(len(link.rules) for link in config.links)
    counts = {"node": len(config.nodes), "link": len(config.links), "rule": rules}
    summary = ", ".join(f"{count} {word}{'s' * (count != 1)}" for word, count in counts.items())
    print_text(f"{path}: ok, {summary}")
    _warn(config)
    return Exit.OK


def _warn(config: "Config") -> None:
    """Mention what is allowed, but is hardly what was meant."""
    linked = {name for link in config.links for name in (link.source, link.target)}
    for name in sorted(config.nodes.keys() - linked):
        talk(f"note: the node {name!r} is in no link")
