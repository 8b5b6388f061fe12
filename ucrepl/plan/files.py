"""SQL about the files of attachments, where the two sides keep them in different places."""

from ucrepl.plan.catalog import TableName
from ucrepl.plan.model import LinkPlan, TablePlan
from ucrepl.plan.text import quote
from ucrepl.plan.translate import own_row

ATTACHMENTS = TableName("public", "ir_attachment")
PLACES = frozenset({"store_fname", "db_datas"})
"""The columns that say where the content of an attachment is, or that are it."""


def attachments(link: LinkPlan) -> TablePlan | None:
    """The table of attachments, where it is replicated and is Odoo's."""
    table = link.by_name.get(ATTACHMENTS)
    return table if table and table.surrogate and {c.name for c in table.columns} >= PLACES else None


def restore(link: LinkPlan, table: TablePlan) -> str:
    """Makes the staged changes of attachments say what this side stores: `pg_temp.stored` knows it.

    The change started from what is here now, unless the content was another one: that stays a conflict.
    """
    hstore = quote(link.hstore_schema)
    here = own_row(link, table, "here")
    was_same = (
        f"NOT {hstore}.exist(change.old, 'checksum')"
        f" OR {hstore}.fetchval(change.old, 'checksum') IS NOT DISTINCT FROM here.checksum"
        if any(c.name == "checksum" for c in table.columns)
        else "true"
    )
    return f"""\
UPDATE pg_temp.change AS change
SET
    new = {hstore}.hs_concat(change.new, {hstore}.hstore(
        ARRAY['store_fname', 'db_datas'], ARRAY[stored.store_fname, stored.data::text]
    )),
    old = CASE
        WHEN here.id IS NULL OR NOT ({was_same}) THEN change.old
        ELSE {hstore}.hs_concat(change.old, {hstore}.hstore(
            ARRAY['store_fname', 'db_datas'], ARRAY[here.store_fname, here.db_datas::text]
        ))
    END
FROM pg_temp.stored
LEFT JOIN LATERAL (
    SELECT here.*
    FROM pg_temp.change AS change
    {here.joins[0].replace(chr(10), chr(10) + "    ")}
    JOIN {table.name.sql} AS here ON {here.sql}
    WHERE change.seq = stored.seq
) AS here ON true
WHERE change.seq = stored.seq AND change.table_id = {table.number}"""
