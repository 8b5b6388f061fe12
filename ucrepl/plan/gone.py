"""SQL that finds the rows of the target that came from the source, which has them no more."""

from ucrepl.plan.catalog import Table
from ucrepl.plan.model import LinkPlan, TablePlan
from ucrepl.plan.rows import LONG_AGO, row_key
from ucrepl.plan.text import quote


def can_tell(table: TablePlan) -> bool:
    """Whether it can be told of a row that it came from the source: by the identity of its record, or of two linked.

    No row goes where deletes do not follow.
    """
    if table.inserts_only:
        return False
    return table.surrogate or all(c.refers_to for c in table.key_columns)


def keys(table: Table) -> str:
    """The keys of all rows on the source, for COPY."""
    return f"SELECT {row_key(table)} AS key FROM {table.only}{table.name.sql} AS row"


def stage(link: LinkPlan, table: TablePlan) -> str:
    """Stages deletes of the known rows whose keys are not in `pg_temp.present`.

    What links two records and was written on the target itself since `install` stays: its journal tells.
    """
    columns = [(table.table.key[0], table.space)]
    if not table.surrogate:
        columns = [(c.name, link.space_of(c.refers_to)) for c in table.key_columns if c.refers_to]
    joins = "\n".join(
        f"JOIN ucrepl.identity AS identity_{i}\n    ON identity_{i}.peer_id = {link.peer_id}"
        f" AND identity_{i}.local_table = {number} AND identity_{i}.local_id = target.{quote(name)}"
        f" AND identity_{i}.deleted_at IS NULL"
        for i, (name, number) in enumerate(columns)
    )
    ids = [f"identity_{i}.remote_id::text" for i in range(len(columns))]
    key = ids[0] if len(ids) == 1 else f"ARRAY[{', '.join(ids)}]::text"
    written_here = ""
    if not table.surrogate:
        own = [f"target.{quote(name)}::text" for name in table.table.key]
        own_key = own[0] if len(own) == 1 else f"ARRAY[{', '.join(own)}]::text"
        written_here = f"""
    AND NOT EXISTS (
        SELECT FROM ucrepl.journal AS j WHERE j.table_id = {table.number} AND j.op = 'I' AND j.key = {own_key}
    )"""
    return f"""\
INSERT INTO pg_temp.change (xid, table_id, op, key, at)
SELECT '3'::xid8, {table.number}, 'D', {key}, {LONG_AGO}
FROM {table.table.only}{table.name.sql} AS target
{joins}
WHERE NOT EXISTS (SELECT FROM pg_temp.present AS p WHERE p.key = {key}){written_here}"""
