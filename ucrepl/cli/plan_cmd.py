"""`ucrepl plan LINK`: what is known of the columns of each table, and what is run for it."""

from argparse import Namespace, _SubParsersAction
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ucrepl.cli import load
from ucrepl.cli.output import print_json, print_table, print_text, talk
from ucrepl.errors import Exit, UsageError

if TYPE_CHECKING:
    from ucrepl.plan.model import LinkPlan, TablePlan

COLUMNS = ("table", "column", "kind", "refers_to", "known_from")
RULE_COLUMNS = ("table", "column", "where", "says", "rule", "overrides")
SUSPECT_COLUMNS = ("table", "column", "looks_like", "values", "example")
NUMBER_COLUMNS = ("kind", "id", "name", "date_ranges", "used_by", "kept_apart", "two_writers", "options")


def add_parser(subparsers: "_SubParsersAction[Any]") -> None:
    """Add `plan`."""
    parser = subparsers.add_parser(
        "plan",
        help="show what rules say and which columns refer to other records, or the SQL that is run for a table",
        description="Shows what rules say of tables, columns and rows: those of packs for the policy of the link, and"
        " those of the configuration that take their place; and of each column that refers to records how it does, to"
        " what, and where that is known from: a foreign key, a line of a pack, or ir_model_fields. Changes nothing.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("link", metavar="LINK", help="the link, in quotes: 'turin->milan'")
    parser.add_argument("--table", metavar="T", action="append", help="only this table; may be given several times")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--suspects",
        action="store_true",
        help="show columns that look like references and have no rule (exit code 1 if there are any)",
    )
    what.add_argument("--sql", action="store_true", help="show the statements that replay runs for the tables")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: Namespace) -> int:
    """Print what the plan says."""
    from ucrepl.db.catalog import read_catalog
    from ucrepl.link.nodes import Nodes, explained
    from ucrepl.link.numbers.report import report
    from ucrepl.link.planned import find_suspects, read_plan
    from ucrepl.plan.listing import references, rules

    config = load(args)
    link = config.link(args.link)
    with Nodes(config, "plan") as nodes:
        source, target = nodes.get(link.source), nodes.get(link.target)
        with explained(link.source):
            source_catalog = read_catalog(source)
        with explained(link.target):
            plan = read_plan(config, link, (source_catalog, read_catalog(target)), (source, target))
        tables = _chosen(args, plan)
        names = {str(table.name) for table in tables}
        if args.sql:
            return _print_sql(args, plan, tables)
        if args.suspects:
            with explained(link.source):
                suspects = [s for s in find_suspects(plan, source, source_catalog) if s.table in names]
            _print(args, "suspects", [asdict(s) for s in suspects], SUSPECT_COLUMNS)
            return Exit.FINDING if suspects else Exit.OK
        with explained(link.source):
            numbered = [] if args.table else report(config, link.source, source, source_catalog)
    used = [asdict(use) for use in rules(plan, args.table)]
    referring = [asdict(r) for r in references(plan) if r.table in names]
    numbers = [n.as_dict() for n in numbered]
    if args.json:
        print_json({"rules": used, "references": referring, "numbers": numbers})
        return Exit.OK
    if told := [use for use in used if use["rule"]]:
        print_table(told, RULE_COLUMNS)
    _print(args, "references", referring, COLUMNS)
    if numbers:
        print_text("")
        print_table(numbers, NUMBER_COLUMNS)
    return Exit.OK


def _chosen(args: Namespace, plan: "LinkPlan") -> "list[TablePlan]":
    from ucrepl.config.problems import did_you_mean

    by_label = {str(table.name): table for table in plan.tables.values()}
    skipped = {str(table.name) for table in plan.skipped.values()} if not (args.sql or args.suspects) else set()
    for name in args.table or ():
        if name not in by_label and name not in skipped:
            raise UsageError(f"the link replicates no table {name!r}", did_you_mean(name, sorted(by_label)))
    return [by_label[name] for name in args.table or sorted(by_label) if name in by_label]


def _print(args: Namespace, what: str, rows: list[dict[str, object]], columns: tuple[str, ...]) -> None:
    if args.json:
        print_json({what: rows})
    elif rows:
        print_table(rows, columns)
    else:
        talk(f"no {what}")


def _print_sql(args: Namespace, plan: "LinkPlan", tables: "list[TablePlan]") -> int:
    from ucrepl.plan.listing import statements

    found = [(str(t.name), title, sql) for t in tables for title, sql in statements(plan, t)]
    if args.json:
        print_json({"statements": [{"table": t, "purpose": title, "sql": sql} for t, title, sql in found]})
    else:
        print_text("\n\n".join(f"-- {table}: {title}\n{sql};" for table, title, sql in found))
    return Exit.OK
