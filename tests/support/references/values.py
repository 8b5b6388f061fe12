"""References in values whose meaning a field's definition gives: by company, properties, defaults, old values."""

from collections.abc import Iterator

from tests.support.references import kinds
from tests.support.references.database import Database, Field
from tests.support.references.kinds import Kind
from tests.support.references.query import Followed, array_of, follow, id_of, object_of, table_of


def in_values(database: Database) -> Iterator[Followed]:
    """All of them."""
    yield from _by_field(database)
    yield from _properties(database)
    yield from _within_json(database)
    yield from _special_tables(database)
    yield from _parameters()


def _by_field(database: Database) -> Iterator[Followed]:
    """Values by company, and analytic distributions."""
    for field in database.fields.values():
        if field.company_dependent and database.type_of(field.table, field.name) == "jsonb":
            yield from _by_company(field)
    for table in database.tables:
        if database.type_of(table, "analytic_distribution") == "jsonb":
            # Each member of a key, seen from each member of it: so that keys can't swap members.
            source = (
                f"CROSS JOIN jsonb_each_text({object_of('{column}')}) AS e"
                " CROSS JOIN regexp_split_to_table(e.key, ',') AS a CROSS JOIN regexp_split_to_table(e.key, ',') AS b"
                " WHERE a ~ '^[0-9]+$' AND b ~ '^[0-9]+$'"
            )
            yield follow(
                Kind.ANALYTIC,
                (table, "analytic_distribution"),
                "'account_analytic_account', a::bigint",
                place="e.value",
                of="'account_analytic_account', b::bigint",
                source=source,
            )


def _by_company(field: Field) -> Iterator[Followed]:
    has_ids = field.ttype == "many2one"
    source = f"CROSS JOIN jsonb_each({object_of('{column}')}) AS e"
    yield follow(
        Kind.COMPANY_KEY,
        (field.table, field.name),
        f"'res_company', {id_of('e.key')}",
        place="''" if has_ids else "e.value::text",
        source=source,
    )
    if has_ids:
        yield follow(
            Kind.COMPANY_VALUE,
            (field.table, field.name),
            f"{_table(field)}, {id_of('e.value::text')}",
            of=f"'res_company', {id_of('e.key')}",
            source=source + " WHERE jsonb_typeof(e.value) = 'number'",
        )


def _properties(database: Database) -> Iterator[Followed]:
    """Values of properties, whose type stands in the definition; and the defaults in definitions."""
    definition = (
        f"CROSS JOIN jsonb_array_elements({array_of('{container}.{definition}')}) AS d"
        " CROSS JOIN jsonb_path_query({value}, '$[*]') AS v"
        " WHERE d ->> 'type' IN ('many2one', 'many2many') AND jsonb_typeof(v) = 'number'"
    )
    ref = f"{table_of('d ->> $$comodel$$')}, {id_of('v::text')}"
    for table, column, key, container, name in kinds.PROPERTIES:
        if database.type_of(table, column) == "jsonb" and database.has(container, name):
            values = definition.replace("{container}", "c").replace("{value}", "{column} -> (d ->> 'name')")
            yield follow(
                Kind.PROPERTY,
                (table, column),
                ref,
                place="d ->> 'name'",
                source="JOIN {other} AS c ON c.id = t.{key} " + values,
                key=key,
                other=container,
                definition=name,
            )
            defaults = definition.replace("{container}", "t").replace("{value}", "d -> 'default'")
            yield follow(Kind.PROPERTY, (container, name), ref, place="d ->> 'name'", source=defaults, definition=name)


def _within_json(database: Database) -> Iterator[Followed]:
    """Who has changed html, in its history."""
    for table in database.tables:
        if database.type_of(table, "html_field_history") == "jsonb":
            source = "CROSS JOIN jsonb_path_query({column}, '$.*[*].create_uid') WITH ORDINALITY AS v (one, number)"
            yield follow(
                Kind.JSON,
                (table, "html_field_history"),
                f"'res_users', {id_of('v.one::text')}",
                place="v.number::text",
                source=source,
            )


def _special_tables(database: Database) -> Iterator[Followed]:
    """Tables that hold values of fields of any model: their translations, defaults and old values."""
    if database.has("ir_translation", "res_id"):
        yield follow(
            Kind.TRANSLATION,
            ("ir_translation", "res_id"),
            table_of("split_part(t.name, ',', 1)") + ", {column}",
            source="WHERE {column} <> 0 AND t.type IN ('model', 'model_terms')",
        )
    yield follow(
        Kind.DEFAULT,
        ("ir_default", "json_value"),
        f"{table_of('f.relation')}, {id_of('v::text')}",
        source="JOIN ir_model_fields AS f ON f.id = t.field_id "
        " CROSS JOIN jsonb_path_query({column}::jsonb, '$[*]') AS v"
        " WHERE f.ttype IN ('many2one', 'many2many', 'one2many') AND jsonb_typeof(v) = 'number'",
    )
    field = "field_id" if database.has("mail_tracking_value", "field_id") else "field"
    for column in ("old_value_integer", "new_value_integer"):
        yield follow(
            Kind.TRACKING,
            ("mail_tracking_value", column),
            table_of("f.relation") + ", {column}",
            source="JOIN ir_model_fields AS f ON f.id = t.{field} WHERE f.ttype = 'many2one' AND {column} <> 0",
            field=field,
        )


def _parameters() -> Iterator[Followed]:
    known = " ".join(f"WHEN '{key}' THEN '{table}'" for key, table in kinds.PARAMETERS.items())
    by_company = "(t.key LIKE 'res.partner.property_product_pricelist\\__%')"
    yield follow(
        Kind.PARAMETER,
        ("ir_config_parameter", "value"),
        f"CASE WHEN {by_company} THEN 'product_pricelist' ELSE CASE t.key {known} END END, {id_of('{column}')}",
        source="WHERE {column} ~ '^[1-9][0-9]*$' AND (t.key LIKE '%\\_id' OR t.key IN ("
        + ", ".join(f"'{key}'" for key in kinds.PARAMETERS)
        + f") OR {by_company})",
    )
    yield follow(
        Kind.PARAMETER,
        ("ir_config_parameter", "key"),
        f"'res_company', {id_of('substring({column} FROM $re$[0-9]+$$re$)')}",
        place="regexp_replace({column}, '[0-9]+$', '')",
        source=f"WHERE {by_company}",
    )


def _table(field: Field) -> str:
    return f"'{field.target}'" if field.target else "NULL"
