"""The catalogue of all references of a database: for each column, and each kind, a query that follows them.

The queries give (kind, table_name, key, column_name, place, of_table, of_id, ref_table, ref_id).
* `key` is the row's id; null for a row of a many2many table, which is known by its two ends.
* `place` says where in the value the reference stands; no id is in it. Where another record says so (a company's key,
  a plan's column), that one is (`of_table`, `of_id`).
* (`ref_table`, `ref_id`) is the record. Null in either is a reference that can't be read: it counts as unchecked.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from psycopg import sql

from tests.support.references import kinds
from tests.support.references.database import Database, Field
from tests.support.references.kinds import Kind
from tests.support.tables import Table, refers_to

# The types of Odoo's fields, and the names of its numbers, that are references.
_REFERRING: Final = ("many2one", "many2one_reference", "reference", "properties", "properties_definition")
_LIKE_A_REFERENCE: Final = r"(_id|_uid|_int)$"
_PLAN: Final = "x_plan(id)_id"
_PLAN_COLUMN: Final = r"^x_plan([0-9]+)_id$"
# matching_number is the id of a reconciliation, no longer its name.
_MATCHING_BY_ID: Final = 17
# What is looked for in html: the id of an attachment; a tag with a record's id, and in it model and id; a link to a
# document, and in it model and id.
_ATTACHMENT: Final = r"/web/(?:image|content)/([0-9]+)(?![0-9a-zA-Z_])"
_TAG: Final = r"""(<[^<>]*\sdata-oe-id=["'][0-9]+["'][^<>]*>)"""
_MARK: Final = (r"""\sdata-oe-model=["']([a-z0-9_.]+)["']""", r"""\sdata-oe-id=["']([0-9]+)["']""")
_LINK: Final = r"""(/mail/view\?[^"'<>\s]*)"""
_QUERY: Final = (r"[?&;]model=([a-z0-9_.]+)", r"[?&;]res_id=([0-9]+)")


class Followed(NamedTuple):
    """Columns of a table whose references are followed, and the query for them."""

    table: str
    columns: tuple[str, ...]
    query: sql.Composed


def catalogue(database: Database) -> Iterator[Followed]:
    """All columns with references, of every kind that the database has."""
    for table in database.tables.values():
        if table.numbered:
            yield from _columns_with_ids(database, table)
        else:
            yield from _many2many(database, table)
    yield from _models(database)
    yield from _by_field(database)
    yield from _properties(database)
    yield from _special_tables(database)
    yield from _texts_with_ids(database)
    yield from _html(database)


def _follow(
    kind: Kind, table: str, column: str, ref: str, *, place: str = "''", of: str = "NULL, NULL", source: str = "", **names: object
) -> Followed:
    """Composes a query. `ref`, `place`, `of` and `source` (joins, WHERE) are SQL about the row `t`.

    In them {column} stands for the column, {label} for the table's name as a text, and each of `names` for its value,
    as an identifier.
    """
    template = f"SELECT {{kind}}, {{label}}, t.id, {{column_label}}, {place}, {of}, {ref} FROM ONLY {{table}} AS t {source}"
    query = sql.SQL(template).format(
        kind=sql.Literal(str(kind)),
        label=sql.Literal(table),
        column_label=sql.Literal(column),
        table=sql.Identifier(table),
        column=sql.SQL("t.") + sql.Identifier(column),
        **{name: sql.Identifier(str(value)) for name, value in names.items()},
    )
    return Followed(table, (column,), query)


def _columns_with_ids(database: Database, table: Table) -> Iterator[Followed]:
    """Foreign keys, delegation, references to actions and columns named after a plan: one query for a table."""
    names, values = [], []
    for name in table.columns:
        target = refers_to(database.tables, table, name) or database.action_field(table.label, name)
        if target:
            plan = re.match(_PLAN_COLUMN, name)
            kind = _kind_of_column(database, table.label, name, target)
            names.append(name)
            values.append(
                sql.SQL("({}, {}, {}, {}::bigint, {}, {}::bigint)").format(
                    *map(sql.Literal, (str(kind), _PLAN if plan else name)),
                    *map(sql.Literal, ("account_analytic_plan", int(plan[1])) if plan else (None, None)),
                    sql.Literal(target),
                    sql.Identifier("t", name),
                )
            )
    if values:
        query = sql.SQL(
            "SELECT v.kind, {}, t.id, v.column_name, '', v.of_table, v.of_id, v.ref_table, v.ref_id FROM ONLY {} AS t,"
            " LATERAL (VALUES {}) AS v (kind, column_name, of_table, of_id, ref_table, ref_id)"
            " WHERE v.ref_id IS NOT NULL"
        ).format(sql.Literal(table.label), table.full_name, sql.SQL(", ").join(values))
        yield Followed(table.label, tuple(names), query)


def _kind_of_column(database: Database, table: str, column: str, target: str) -> Kind:
    if (table, column) in kinds.DELEGATIONS:
        return Kind.DELEGATION
    if target in database.actions:
        return Kind.ACTION
    return Kind.PLAN_COLUMN if re.match(_PLAN_COLUMN, column) else Kind.FOREIGN_KEY


def _many2many(database: Database, table: Table) -> Iterator[Followed]:
    """A row of two ends is one reference, from the first to the second."""
    ends = [
        (name, refers_to(database.tables, table, name) or database.links.get((table.label, name)))
        for name in table.columns
    ]
    if len(ends) == 2 and all(target for _, target in ends):  # noqa: PLR2004 - a pair
        [(first, of), (second, ref)] = ends
        query = sql.SQL("SELECT {}, {}, NULL, {}, '', {}, t.{}, {}, t.{} FROM ONLY {} AS t").format(
            *map(sql.Literal, (str(Kind.MANY2MANY), table.label, f"{first}, {second}", of)),
            sql.Identifier(first),
            sql.Literal(ref),
            sql.Identifier(second),
            table.full_name,
        )
        yield Followed(table.label, (first, second), query)


def _models(database: Database) -> Iterator[Followed]:
    """Ids of which a model's name says whose they are, in the row itself or in another; and bare ids."""
    for table, column, model in kinds.MODEL_AND_ID:
        if database.has(table, column, model):
            source = "WHERE {column} <> 0 AND t.{model} <> ''"
            yield _follow(
                Kind.MODEL_AND_ID, table, column, _table_of("t.{model}") + ", {column}", source=source, model=model
            )
    for table, column, key, other, model in kinds.MODEL_ELSEWHERE:
        if database.has(table, column, key) and database.has(other, model):
            source = "JOIN {other} AS o ON o.id = t.{key} WHERE {column} <> 0"
            yield _follow(
                Kind.MODEL_ELSEWHERE,
                table,
                column,
                _table_of("o.{model}") + ", {column}",
                source=source,
                key=key,
                other=other,
                model=model,
            )
    for table, column, target in kinds.IMPLIED:
        if database.has(table, column):
            yield _follow(Kind.IMPLIED, table, column, f"'{target}', {{column}}", source="WHERE {column} <> 0")
    for field in database.fields.values():
        if field.ttype == "reference" and database.has(field.table, field.name):
            yield _model_and_id_in_text(Kind.TEXT, field.table, field.name)
    for column in ("res_id", "value_reference"):
        if database.has("ir_property", column):
            yield _model_and_id_in_text(Kind.IR_PROPERTY, "ir_property", column)


def _model_and_id_in_text(kind: Kind, table: str, column: str) -> Followed:
    ref = f"{_table_of('split_part({column}, $$,$$, 1)')}, {_id('split_part({column}, $$,$$, 2)')}"
    return _follow(kind, table, column, ref, source="WHERE {column} LIKE '%,%' AND {column} NOT LIKE '%,0'")


def _by_field(database: Database) -> Iterator[Followed]:
    """Values by company, and analytic distributions."""
    for field in database.fields.values():
        if field.company_dependent and database.type_of(field.table, field.name) == "jsonb":
            yield from _by_company(field)
    for table in database.tables:
        if database.type_of(table, "analytic_distribution") == "jsonb":
            # Each member of a key, seen from each member of it: so that keys can't swap members.
            source = (
                f"CROSS JOIN jsonb_each_text({_object('{column}')}) AS e"
                " CROSS JOIN regexp_split_to_table(e.key, ',') AS a CROSS JOIN regexp_split_to_table(e.key, ',') AS b"
                " WHERE a ~ '^[0-9]+$' AND b ~ '^[0-9]+$'"
            )
            yield _follow(
                Kind.ANALYTIC,
                table,
                "analytic_distribution",
                "'account_analytic_account', a::bigint",
                place="e.value",
                of="'account_analytic_account', b::bigint",
                source=source,
            )


def _by_company(field: Field) -> Iterator[Followed]:
    has_ids = field.ttype == "many2one"
    source = f"CROSS JOIN jsonb_each({_object('{column}')}) AS e"
    yield _follow(
        Kind.COMPANY_KEY,
        field.table,
        field.name,
        f"'res_company', {_id('e.key')}",
        place="''" if has_ids else "e.value::text",
        source=source,
    )
    if has_ids:
        yield _follow(
            Kind.COMPANY_VALUE,
            field.table,
            field.name,
            f"{_table(field)}, {_id('e.value::text')}",
            of=f"'res_company', {_id('e.key')}",
            source=source + " WHERE jsonb_typeof(e.value) = 'number'",
        )


def _properties(database: Database) -> Iterator[Followed]:
    """Values of properties, whose type stands in the definition; and the defaults in definitions."""
    definition = (
        f"CROSS JOIN jsonb_array_elements({_array('{container}.{definition}')}) AS d"
        " CROSS JOIN jsonb_path_query({value}, '$[*]') AS v"
        " WHERE d ->> 'type' IN ('many2one', 'many2many') AND jsonb_typeof(v) = 'number'"
    )
    ref = f"{_table_of('d ->> $$comodel$$')}, {_id('v::text')}"
    for table, column, key, container, name in kinds.PROPERTIES:
        if database.type_of(table, column) == "jsonb" and database.has(container, name):
            values = definition.replace("{container}", "c").replace("{value}", "{column} -> (d ->> 'name')")
            yield _follow(
                Kind.PROPERTY,
                table,
                column,
                ref,
                place="d ->> 'name'",
                source="JOIN {other} AS c ON c.id = t.{key} " + values,
                key=key,
                other=container,
                definition=name,
            )
            defaults = definition.replace("{container}", "t").replace("{value}", "d -> 'default'")
            yield _follow(
                Kind.PROPERTY, container, name, ref, place="d ->> 'name'", source=defaults, definition=name
            )


def _special_tables(database: Database) -> Iterator[Followed]:
    """Tables that hold values of fields of any model: their translations, parameters, defaults and old values."""
    if database.has("ir_translation", "res_id"):
        yield _follow(
            Kind.TRANSLATION,
            "ir_translation",
            "res_id",
            _table_of("split_part(t.name, ',', 1)") + ", {column}",
            source="WHERE {column} <> 0 AND t.type IN ('model', 'model_terms')",
        )
    yield from _parameters()
    yield _follow(
        Kind.DEFAULT,
        "ir_default",
        "json_value",
        f"{_table_of('f.relation')}, {_id('v::text')}",
        source="JOIN ir_model_fields AS f ON f.id = t.field_id CROSS JOIN jsonb_path_query({column}::jsonb, '$[*]') AS v"
        " WHERE f.ttype IN ('many2one', 'many2many', 'one2many') AND jsonb_typeof(v) = 'number'",
    )
    field = "field_id" if database.has("mail_tracking_value", "field_id") else "field"
    for column in ("old_value_integer", "new_value_integer"):
        yield _follow(
            Kind.TRACKING,
            "mail_tracking_value",
            column,
            _table_of("f.relation") + ", {column}",
            source="JOIN ir_model_fields AS f ON f.id = t.{field} WHERE f.ttype = 'many2one' AND {column} <> 0",
            field=field,
        )


def _parameters() -> Iterator[Followed]:
    known = " ".join(f"WHEN '{key}' THEN '{table}'" for key, table in kinds.PARAMETERS.items())
    by_company = "(t.key LIKE 'res.partner.property_product_pricelist\\__%')"
    yield _follow(
        Kind.PARAMETER,
        "ir_config_parameter",
        "value",
        f"CASE WHEN {by_company} THEN 'product_pricelist' ELSE CASE t.key {known} END END, {_id('{column}')}",
        source="WHERE {column} ~ '^[1-9][0-9]*$' AND (t.key LIKE '%\\_id' OR t.key IN ("
        + ", ".join(f"'{key}'" for key in kinds.PARAMETERS)
        + f") OR {by_company})",
    )
    yield _follow(
        Kind.PARAMETER,
        "ir_config_parameter",
        "key",
        f"'res_company', {_id('substring({column} FROM $re$[0-9]+$$re$)')}",
        place="regexp_replace({column}, '[0-9]+$', '')",
        source=f"WHERE {by_company}",
    )


def _texts_with_ids(database: Database) -> Iterator[Followed]:
    """Texts that are made of ids."""
    for table in database.tables:
        if database.has(table, "parent_path"):
            source = (
                "CROSS JOIN regexp_split_to_table({column}, '/') WITH ORDINALITY AS p (id, number) WHERE p.id <> ''"
            )
            yield _follow(
                Kind.PARENT_PATH, table, "parent_path", f"{{label}}, {_id('p.id')}", place="p.number::text", source=source
            )
    if database.has("product_product", "combination_indices"):
        in_order = (
            "(SELECT string_agg(i, ',' ORDER BY i::bigint) FROM regexp_split_to_table({column}, ',') AS i) = {column}"
        )
        yield _follow(
            Kind.COMBINATION,
            "product_product",
            "combination_indices",
            f"'product_template_attribute_value', {_id('p')}",
            place=f"CASE WHEN {in_order} THEN 'ascending' ELSE 'in disorder' END",
            source="CROSS JOIN regexp_split_to_table({column}, ',') AS p WHERE p <> ''",
        )
    if database.version >= _MATCHING_BY_ID:
        yield _follow(
            Kind.MATCHING,
            "account_move_line",
            "matching_number",
            "CASE WHEN {column} LIKE 'P%' THEN 'account_partial_reconcile' ELSE 'account_full_reconcile' END,"
            f" {_id('ltrim({column}, $$P$$)')}",
            source="WHERE {column} NOT LIKE 'I%'",
        )
    for table, column in (
        ("account_bank_statement_line", "internal_index"),
        ("account_bank_statement", "first_line_index"),
    ):
        if database.has(table, column):
            yield _follow(
                Kind.INTERNAL_INDEX,
                table,
                column,
                f"'account_bank_statement_line', {_id('right({column}, 10)')}",
                place="left({column}, -10)",
                source="WHERE {column} <> ''",
            )
    yield _follow(
        Kind.EXTERNAL_ID,
        "ir_model_data",
        "name",
        f"'res_company', {_id('substring({column} FROM $$^[0-9]+$$)')}",
        place="regexp_replace({column}, '^[0-9]+', '')",
        source="WHERE {column} ~ '^[0-9]+_'"
        " AND (t.module = 'account' OR t.module LIKE 'l10n\\_%' AND t.model LIKE 'account.%')",
    )


def _html(database: Database) -> Iterator[Followed]:
    """Links to attachments, mentions of records, and links to documents, each by its number in the text."""
    columns = [(field.table, field.name) for field in database.fields.values() if field.ttype == "html"]
    for table, column in [*columns, ("ir_translation", "src"), ("ir_translation", "value"), ("mail_mail", "body_html")]:
        kind = database.type_of(table, column)
        if kind not in ("text", "varchar", "jsonb"):
            continue
        text, place, source = "{column}", "", ""
        if kind == "jsonb":
            text, place = "l.value", "l.key || ' ' || "
            source = f"CROSS JOIN jsonb_each_text({_object('{column}')}) AS l "
        place += "m.number::text"
        interesting = " WHERE {column}::text ~ '/web/image/|/web/content/|data-oe-id|/mail/view'"
        for html, pattern, ref, condition in (
            (Kind.HTML_ATTACHMENT, _ATTACHMENT, f"'ir_attachment', {_id('m.found[1]')}", ""),
            (Kind.HTML_RECORD, _TAG, *_named_in(*_MARK)),
            (Kind.HTML_LINK, _LINK, *_named_in(*_QUERY)),
        ):
            matches = (
                f"CROSS JOIN regexp_matches({text}, $re${_braces(pattern)}$re$, 'g')"
                " WITH ORDINALITY AS m (found, number)"
            )
            yield _follow(html, table, column, ref, place=place, source=source + matches + interesting + condition)


def _named_in(model: str, record: str) -> tuple[str, str]:
    """The reference and the condition for a piece of html that names model and id."""
    found = f"substring(m.found[1] FROM $re${_braces(model)}$re$)"
    number = f"substring(m.found[1] FROM $re${_braces(record)}$re$)"
    return f"{_table_of(found)}, {_id(number)}", f" AND {found} IS NOT NULL AND {number} IS NOT NULL"


def _table(field: Field) -> str:
    return f"'{field.target}'" if field.target else "NULL"


def _table_of(model: str) -> str:
    """SQL: the table of the model that an expression names."""
    return f"(SELECT models.table_name FROM models WHERE models.model = {model})"


def _id(text: str) -> str:
    """SQL: the id that a text is, null where it is none."""
    return f"substring({text} FROM '^[0-9]{{{{1,18}}}}$')::bigint"


def _object(value: str) -> str:
    """SQL: the value if it is a JSON object."""
    return f"CASE WHEN jsonb_typeof({value}) = 'object' THEN {value} END"


def _array(value: str) -> str:
    """SQL: the value if it is a JSON array."""
    return f"CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} END"


def _braces(pattern: str) -> str:
    """A pattern as it stands in a text that `_follow` formats."""
    return pattern.replace("{", "{{").replace("}", "}}")


def unlisted(database: Database) -> set[tuple[str, str]]:
    """Columns that look like references and are in no query: (table, column)."""
    followed = {(f.table, column) for f in catalogue(database) for column in f.columns}
    typed = {
        (field.table, field.name)
        for field in database.fields.values()
        if field.ttype in _REFERRING and database.has(field.table, field.name)
    }
    named = {
        (table.label, column.name)
        for table in database.tables.values()
        for column in table.columns.values()
        if column.name not in table.key and column.type in ("int4", "int8") and re.search(_LIKE_A_REFERENCE, column.name)
    }
    ends = {(t.label, name) for t in database.tables.values() if not t.numbered for name in t.columns}
    return (typed | named | ends) - followed - kinds.NO_REFERENCES
