"""The checks of a link that compare the tables of both ends."""

from collections.abc import Iterator

from ucrepl.link.check.facts import LinkFacts
from ucrepl.link.check.finding import Finding, Severity
from ucrepl.link.words import counted, listed
from ucrepl.plan.catalog import TableName
from ucrepl.plan.expression import unknown_columns
from ucrepl.plan.types import TEXTS, base_type

_WITHOUT_REPLAY = (
    "to leave replay out, begin them with: WHEN (coalesce(current_setting('ucrepl.origin', true), '') = '')"
)


def rules(link: LinkFacts) -> Iterator[Finding]:
    """A rule that names what neither side has is a mistake."""
    for error in link.wrong_rules:
        yield _finding(link, "error", "rules", error.message, "mend the rule in the configuration")


def missing(link: LinkFacts) -> Iterator[Finding]:
    """Changes of tables that the target has not, or not alike, are held."""
    absent, other_key, other_kind, referring = [], [], [], []
    for name in link.plan.missing.values():
        source, target = link.source.catalog.tables[name], link.target.catalog.tables.get(name)
        if not source.key:
            continue
        if target is None:
            absent.append(str(name))
        elif source.key != target.key:
            other_key.append(f"{name} ({', '.join(source.key)} here, {', '.join(target.key) or 'none'} there)")
        elif source.surrogate == target.surrogate:
            referring.append(str(name))
        else:
            other_kind.append(f"{name} ({_kind(source.surrogate)} here, {_kind(target.surrogate)} there)")
    remedy = "make it the same on both nodes, or leave the tables out with a rule 'skip: true'"
    for names, what in (
        (absent, "that the target has not"),
        (other_key, "with another key on the target"),
        (other_kind, "with another kind of key on the target"),
        (referring, "that must refer to such tables"),
    ):
        if names:
            message = f"changes will be held: {counted(len(names), 'table')} {what}: {listed(names)}"
            yield _finding(link, "warning", "tables", message, remedy)


def columns(link: LinkFacts) -> Iterator[Finding]:
    """Columns that one side only has are not replicated, or their values are held until the target has them."""
    here: list[str] = []
    held: list[str] = []
    there: list[str] = []
    required: list[str] = []
    needed = {(TableName(schema, table), column) for schema, table, column in link.target.ask("check_required")}
    for source, target in link.pairs_of_tables():
        waiting = link.plan.by_name[source.name].held_columns
        held += [f"{source.name}.{name}" for name in waiting]
        here += [
            f"{source.name}.{name}" for name in source.columns if name not in target.columns and name not in waiting
        ]
        for name in target.columns:
            if name not in source.columns:
                (required if (target.name, name) in needed else there).append(f"{target.name}.{name}")
    for names, where in ((here, link.link.source), (there, link.link.target)):
        if names:
            message = f"not replicated: {counted(len(names), 'column')} on {where!r} only: {listed(names)}"
            yield _finding(link, "note", "columns", message, "nothing, if this is meant; or add them on the other node")
    if held:
        message = f"values will be held: {counted(len(held), 'column')} not on {link.link.target!r}: {listed(held)}"
        remedy = "add them there, or leave their values out with a rule 'hold: false' for the table"
        yield _finding(link, "note", "columns", message, remedy)
    if required:
        message = (
            f"new records will be parked: {counted(len(required), 'column')} on {link.link.target!r} only must have a"
            f" value: {listed(required)}"
        )
        yield _finding(link, "warning", "columns", message, "give these columns a default, or drop NOT NULL")


def types(link: LinkFacts) -> Iterator[Finding]:
    """A value may not fit into a column of another type."""
    differing = []
    for source, target in link.pairs_of_tables():
        for name in source.columns.keys() & target.columns.keys():
            here, there = source.columns[name].type, target.columns[name].type
            if here != there and not (base_type(here) in TEXTS and there in {"text", "character varying"}):
                differing.append(f"{source.name}.{name} ({here} here, {there} there)")
    if differing:
        message = f"{counted(len(differing), 'column')} of another type on the target: {listed(sorted(differing))}"
        remedy = "give them the same type; a change whose value does not fit is parked"
        yield _finding(link, "warning", "types", message, remedy)


def rights(link: LinkFacts) -> Iterator[Finding]:
    """What replay needs on the target and has not."""
    target = link.target
    role = target.server.role
    if not target.server.may_temp:
        remedy = f"GRANT TEMP ON DATABASE {target.server.database} TO {role}"
        message = f"on {target.name!r} the role {role!r} may not make temporary tables"
        yield _finding(link, "error", "privileges", message, remedy)
    names = [table.name for table in link.plan.tables.values()]
    wanted = ["USAGE", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "RLS"]
    lacking: dict[str, list[str]] = {}
    for right, schema, table in target.ask("check_rights", **_places(names), rights=wanted):
        lacking.setdefault(right, []).append(str(TableName(schema, table)))
    for right, tables in lacking.items():
        on = f"on {target.name!r} the role {role!r}"
        shown = f"{counted(len(tables), 'table')} ({listed(tables)})"
        match right:
            case "RLS":
                message = f"{on} is bound by the row level security of {shown}"
                yield _finding(link, "error", "privileges", message, f"ALTER ROLE {role} BYPASSRLS, or name the owner")
            case "USAGE":
                message = f"{on} lacks USAGE on the schema of {shown}"
                yield _finding(link, "error", "privileges", message, f"GRANT USAGE ON SCHEMA … TO {role}")
            case _:
                severity: Severity = "warning" if right == "TRUNCATE" else "error"
                message = f"{on} lacks {right} on {shown}"
                yield _finding(link, severity, "privileges", message, f"GRANT {right} ON … TO {role}")
    sequences = [t.table.sequence for t in link.plan.tables.values() if t.table.surrogate and "USAGE" not in lacking]
    refused = [row.sequence for row in target.ask("check_sequence_rights", sequences=sequences)]
    if refused:
        message = f"on {target.name!r} the role {role!r} may take no number from {counted(len(refused), 'sequence')}"
        yield _finding(
            link, "error", "privileges", f"{message} ({listed(refused)})", f"GRANT USAGE ON SEQUENCE … TO {role}"
        )


def firing(link: LinkFacts) -> Iterator[Finding]:
    """Triggers of the target fire for replayed changes, and what they write is not replicated."""
    names = [table.name for table in link.plan.tables.values()]
    rows = link.target.ask("check_firing", **_places(names))
    for before, does, remedy in (
        (False, "will fire for replayed changes, too", "see that they may do their work twice"),
        (True, "can change replayed rows, or drop them", "see that they let replayed rows through as they are"),
    ):
        found = [f"{t.trigger_name} on {TableName(t.schema_name, t.table_name)}" for t in rows if t.before is before]
        if found:
            what = counted(len(found), "trigger BEFORE a row" if before else "trigger", "triggers BEFORE rows" * before)
            message = f"{what} of {link.link.target!r} {does}: {listed(found)}"
            yield _finding(link, "warning", "firing", message, f"{remedy}; {_WITHOUT_REPLAY}")


def rewriting(link: LinkFacts) -> Iterator[Finding]:
    """A rule DO INSTEAD takes what is replayed elsewhere, or drops it, and nobody hears of it."""
    names = [table.name for table in link.plan.tables.values()]
    rows = link.target.ask("check_rewriting", **_places(names))
    found = [f"{r.rule_name} on {TableName(r.schema_name, r.table_name)}" for r in rows]
    if found:
        what = counted(len(found), "rule DO INSTEAD", "rules DO INSTEAD")
        message = f"what is replayed to {link.link.target!r} goes elsewhere, by {what}: {listed(found)}"
        remedy = "drop them, or leave the tables out with a rule 'skip: true' in the configuration"
        yield _finding(link, "error", "rewriting", message, remedy)


def masks(link: LinkFacts) -> Iterator[Finding]:
    """One value for all rows does not go into a column whose values must differ."""
    found = []
    for source, target in link.pairs_of_tables():
        constant = {
            name
            for rule in link.source.config.rules_for(link.link)
            if rule.matches(*source.name)
            for name, expression in rule.set.items()
            if expression and expression.strip().lower() != "null" and not unknown_columns(expression, ())
        }
        found += [f"{target.name}.{', '.join(key)}" for key in target.unique_keys if constant.issuperset(key) and key]
    if found:
        message = f"only the first row will arrive: 'set' gives all one value where values must differ: {listed(found)}"
        remedy = "make the value from one that differs, for example: \"'user' || id\""
        yield _finding(link, "warning", "masks", message, remedy)


TABLE_CHECKS = (rules, missing, columns, types, rights, firing, rewriting, masks)


def _places(names: list[TableName]) -> dict[str, list[str]]:
    return {"schemas": [name.schema for name in names], "tables": [name.table for name in names]}


def _kind(surrogate: bool) -> str:  # noqa: FBT001 - a word for each of two kinds
    return "a number that the database hands out" if surrogate else "a value of the record"


def _finding(link: LinkFacts, severity: Severity, check: str, message: str, remedy: str) -> Finding:
    return Finding(severity, check, message, remedy, link=link.link.name)
