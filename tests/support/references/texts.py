"""References in texts: those that are made of ids, and html."""

from collections.abc import Iterator
from typing import Final

from tests.support.references.database import Database
from tests.support.references.kinds import Kind
from tests.support.references.query import Followed, braces, follow, id_of, object_of, table_of

# matching_number is the id of a reconciliation, no longer its name.
_MATCHING_BY_ID: Final = 17
# What is looked for in html: the id of an attachment; a tag with a record's id, and in it model and id; a link to a
# document, and in it model and id.
_ATTACHMENT: Final = r"/web/(?:image|content)/([0-9]+)(?![0-9a-zA-Z_])"
_TAG: Final = r"""(<[^<>]*\sdata-oe-id=["'][0-9]+["'][^<>]*>)"""
_MARK: Final = (r"""\sdata-oe-model=["']([a-z0-9_.]+)["']""", r"""\sdata-oe-id=["']([0-9]+)["']""")
_LINK: Final = r"""(/mail/view\?[^"'<>\s]*)"""
_QUERY: Final = (r"[?&;]model=([a-z0-9_.]+)", r"[?&;]res_id=([0-9]+)")


def in_texts(database: Database) -> Iterator[Followed]:
    """All of them."""
    yield from _texts_with_ids(database)
    yield from _names(database)
    yield from _html(database)


def _texts_with_ids(database: Database) -> Iterator[Followed]:
    """Texts that are made of ids."""
    for table in database.tables:
        if database.has(table, "parent_path"):
            source = (
                "CROSS JOIN regexp_split_to_table({column}, '/') WITH ORDINALITY AS p (id, number) WHERE p.id <> ''"
            )
            yield follow(
                Kind.PARENT_PATH,
                (table, "parent_path"),
                f"{{label}}, {id_of('p.id')}",
                place="p.number::text",
                source=source,
            )
    if database.has("product_product", "combination_indices"):
        in_order = (
            "(SELECT string_agg(i, ',' ORDER BY i::bigint) FROM regexp_split_to_table({column}, ',') AS i) = {column}"
        )
        yield follow(
            Kind.COMBINATION,
            ("product_product", "combination_indices"),
            f"'product_template_attribute_value', {id_of('p')}",
            place=f"CASE WHEN {in_order} THEN 'ascending' ELSE 'in disorder' END",
            source="CROSS JOIN regexp_split_to_table({column}, ',') AS p WHERE p <> ''",
        )
    if database.version >= _MATCHING_BY_ID:
        yield follow(
            Kind.MATCHING,
            ("account_move_line", "matching_number"),
            "CASE WHEN {column} LIKE 'P%' THEN 'account_partial_reconcile' ELSE 'account_full_reconcile' END,"
            f" {id_of('ltrim({column}, $$P$$)')}",
            source="WHERE {column} NOT LIKE 'I%'",
        )
    for table, column in (
        ("account_bank_statement_line", "internal_index"),
        ("account_bank_statement", "first_line_index"),
    ):
        if database.has(table, column):
            yield follow(
                Kind.INTERNAL_INDEX,
                (table, column),
                f"'account_bank_statement_line', {id_of('right({column}, 10)')}",
                place="left({column}, -10)",
                source="WHERE {column} <> ''",
            )


def _names(database: Database) -> Iterator[Followed]:
    """Names that are made with ids: external ids of a company's accounts, fields of an analytic plan."""
    yield follow(
        Kind.EXTERNAL_ID,
        ("ir_model_data", "name"),
        f"'res_company', {id_of('substring({column} FROM $$^[0-9]+$$)')}",
        place="regexp_replace({column}, '^[0-9]+', '')",
        source="WHERE {column} ~ '^[0-9]+_'"
        " AND (t.module = 'account' OR t.module LIKE 'l10n\\_%' AND t.model LIKE 'account.%')",
    )

    if database.has("account_analytic_plan"):
        yield follow(
            Kind.PLAN_COLUMN,
            ("ir_model_fields", "name"),
            f"'account_analytic_plan', {id_of('substring({column} FROM $$[0-9]+$$)')}",
            source="WHERE {column} ~ '^x_plan[0-9]+_id$'",
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
            source = f"CROSS JOIN jsonb_each_text({object_of('{column}')}) AS l "
        place += "m.number::text"
        interesting = " WHERE {column}::text ~ '/web/image/|/web/content/|data-oe-id|/mail/view'"
        for html, pattern, ref, condition in (
            (Kind.HTML_ATTACHMENT, _ATTACHMENT, f"'ir_attachment', {id_of('m.found[1]')}", ""),
            (Kind.HTML_RECORD, _TAG, *_named_in(*_MARK)),
            (Kind.HTML_LINK, _LINK, *_named_in(*_QUERY)),
        ):
            matches = (
                f"CROSS JOIN regexp_matches({text}, $re${braces(pattern)}$re$, 'g')"
                " WITH ORDINALITY AS m (found, number)"
            )
            yield follow(html, (table, column), ref, place=place, source=source + matches + interesting + condition)


def _named_in(model: str, record: str) -> tuple[str, str]:
    """The reference and the condition for a piece of html that names model and id."""
    found = f"substring(m.found[1] FROM $re${braces(model)}$re$)"
    number = f"substring(m.found[1] FROM $re${braces(record)}$re$)"
    return f"{table_of(found)}, {id_of(number)}", f" AND {found} IS NOT NULL AND {number} IS NOT NULL"
