"""SQL that finds, in rows of the source, the records to which columns without a foreign key refer."""

from collections.abc import Iterator

from ucrepl.plan.mask import ROW
from ucrepl.plan.model import ColumnPlan, LinkPlan, TablePlan
from ucrepl.plan.references import Reference
from ucrepl.plan.text import literal, quote
from ucrepl.plan.translate import Row, argument_of, followed

_HERE = Row(None, ROW)
_ID = "^[0-9]{1,18}$"


def of_column(link: LinkPlan, table: TablePlan, column: ColumnPlan, value: str) -> Iterator[str]:
    """Queries of (model, id) for the row `row`, of the records to which the `value` of a column refers.

    None for definitions of properties, properties, json and domains: what they mention is not brought along.
    """
    if column.model_column:
        yield f"SELECT {ROW}.{quote(column.model_column)}, {value}::bigint"
    elif column.reference:
        condition = _where(link, table, column.reference)
        for query in _of_reference(link, table, column.reference, value):
            yield f"SELECT found.model, found.id FROM (\n{query}\n) AS found (model, id){condition}"


def _where(link: LinkPlan, table: TablePlan, reference: Reference) -> str:
    conditions = (
        f"{followed(link, table, path, _HERE)} IN ({', '.join(map(literal, wanted))})"
        for path, wanted in reference.where
    )
    text = " AND ".join(conditions)
    return f" WHERE {text}" if text else ""


def _of_reference(link: LinkPlan, table: TablePlan, reference: Reference, value: str) -> Iterator[str]:
    """Queries of (model, id), each by what a function `mapped_*` takes for an id."""
    models = [argument and argument_of(link, table, argument, _HERE) for argument in reference.arguments]
    text, is_id = f"{value}::text", f"part ~ {literal(_ID)}"
    match reference.function:
        case "id":
            yield f"SELECT {models[0]}, {value}::bigint"
        case "ids":
            parts = f"regexp_matches({text}, '[0-9]{{1,18}}', 'g') AS part"
            yield f"SELECT {models[0]}, part[1]::bigint FROM {parts} WHERE {text} ~ '^[][0-9, ]+$'"
        case "reference":
            parts = f"split_part({text}, ',', 1), split_part({text}, ',', 2)::bigint"
            yield f"SELECT {parts} WHERE {text} ~ '^[^,]+,[0-9]{{1,18}}$'"
        case "list":
            parts = f"unnest(string_to_array({text}, {models[1]})) AS part"
            yield f"SELECT {models[0]}, part::bigint FROM {parts} WHERE {is_id}"
        case "object":
            entries = f"jsonb_each(CASE jsonb_typeof({value}) WHEN 'object' THEN {value} END) AS e"
            if models[0]:
                parts = "unnest(string_to_array(e.key, ',')) AS part"
                yield f"SELECT {models[0]}, part::bigint FROM {entries} CROSS JOIN {parts} WHERE {is_id}"
            if models[1]:
                part = "e.value::text"
                yield f"SELECT {models[1]}, {part}::bigint FROM {entries} WHERE {part} ~ {literal(_ID)}"
        case "text":
            for pattern in (p for p in link.patterns if p.name == reference.arguments[0]):
                model = literal(pattern.model) if pattern.model else f"part[{pattern.model_group}]"
                found, part = f"regexp_matches({text}, {literal(pattern.regexp)}, 'g')", f"part[{pattern.id_group}]"
                yield f"SELECT {model}, {part}::bigint FROM {found} AS part WHERE length({part}) <= 18"
        case _:
            return
