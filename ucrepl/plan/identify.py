"""SQL that finds or makes the identity of every record of a batch, before any row is written."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ucrepl.plan.catalog import UniqueIndex
from ucrepl.plan.model import WIDE_ID, WIDE_SEQ, ColumnPlan, LinkPlan, RecognitionKey, TablePlan
from ucrepl.plan.text import lines, literal, quote
from ucrepl.plan.translate import SENT, Row, extracted, here, image, is_filled, looked_up, sent, wide_image


def shipped(link: LinkPlan) -> str:
    """What places a new pair in the batches of the link back to the peer."""
    return "pg_current_xact_id()" if link.ships_pairs else "NULL"


def ways(table: TablePlan, *, by_indexes: bool) -> Iterator[tuple[object, Callable[..., str], object]]:
    """How new records of a table are recognised, in this order: a name, what makes the statement, and by what."""
    for key in table.recognition_keys:
        yield ("recognise", key), recognise, key
    if by_indexes and table.naming_indexes:
        yield "recognise by indexes", recognise_by_indexes, table.naming_indexes


def has_unpaired(link: LinkPlan, table: TablePlan) -> str:
    """Whether there are local records that are nobody's pair."""
    return f"""\
SELECT EXISTS (
    SELECT FROM {table.table.only}{table.name.sql} AS target
    WHERE NOT EXISTS (
        SELECT FROM ucrepl.identity AS i
        WHERE i.peer_id = {link.peer_id} AND i.local_table = {table.space}
            AND i.local_id = target.{quote(table.table.key[0])}
    )
)"""


def recognise(link: LinkPlan, table: TablePlan, key: RecognitionKey) -> str:
    """Pairs new records with the local ones that have the same key; more than one candidate is noted as trouble.

    A local record that already is somebody's pair is no candidate. A key with an empty column that must be filled is
    not used.
    """
    filled = "\n    AND ".join(is_filled(link, table.column(name)) for name in key.filled)
    matches = "\n        AND ".join(_matches(link, table, key))
    identity = quote(table.table.key[0])
    return f"""\
WITH candidate AS (
    SELECT change.seq, change.key::bigint AS remote_id, array_agg(target.{identity}::bigint) AS local_ids
    FROM pg_temp.change AS change
    JOIN {table.table.only}{table.name.sql} AS target
        ON {matches}
    WHERE change.table_id = {table.number} AND change.op = 'I'
    AND {filled}
    AND NOT EXISTS ({_known(link, table)})
    AND NOT EXISTS (
        SELECT FROM ucrepl.identity AS i
        WHERE i.peer_id = {link.peer_id} AND i.local_table = {table.space} AND i.local_id = target.{identity}
    )
    GROUP BY change.seq, change.key
),
{_pair_candidates(link, table, str(key))}"""


def _pair_candidates(link: LinkPlan, table: TablePlan, same: str) -> str:
    """Pairs the records that have one `candidate`, and notes trouble for those with several, which have the `same`."""
    return f"""\
ambiguous AS (
    INSERT INTO pg_temp.trouble (seq, reason, message)
    SELECT seq, 'ambiguous', format('several local records have the same %s: ids %s', {literal(same)},
        array_to_string(local_ids, ', '))
    FROM candidate
    WHERE cardinality(local_ids) > 1
)
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, shipped_xid)
SELECT {link.peer_id}, {table.space}, remote_id, {table.space}, local_ids[1], {shipped(link)}
FROM candidate
WHERE cardinality(local_ids) = 1
ORDER BY remote_id
ON CONFLICT DO NOTHING"""


def recognise_by_indexes(link: LinkPlan, table: TablePlan, indexes: Sequence[UniqueIndex]) -> str:
    """Pairs new records with the local ones that hold what unique indexes let only one record hold.

    References in an index are compared after translation: one that is not known is no value. Where indexes find several
    records that is noted as trouble. A local record that already is somebody's pair is left alone: the new one will be
    refused.
    """
    found = "\n    UNION\n".join(_holders(link, table, index) for index in indexes)
    held = "; ".join(", ".join(index.expressions) for index in indexes)
    return f"""\
WITH candidate AS (
    SELECT change.seq, change.key::bigint AS remote_id, array_agg(target.id ORDER BY target.id) AS local_ids
    FROM pg_temp.change AS change
    {image(link, table, "new", "sent")}
    CROSS JOIN LATERAL (
{found}
    ) AS target
    WHERE change.table_id = {table.number} AND change.op = 'I'
        AND NOT EXISTS ({_known(link, table)})
        AND NOT EXISTS (
            SELECT FROM ucrepl.identity AS i
            WHERE i.peer_id = {link.peer_id} AND i.local_table = {table.space} AND i.local_id = target.id
        )
    GROUP BY change.seq, change.key
),
{_pair_candidates(link, table, held)}"""


def _holders(link: LinkPlan, table: TablePlan, index: UniqueIndex) -> str:
    """The ids of the local records that hold what an index would have of the new row `sent`."""
    columns = [c for c in table.columns if c.name in index.columns]
    values = [f"{looked_up(link, table, c, sent(c), SENT)} AS {quote(c.name)}" for c in columns]
    wanted = [f"({expression}) AS key_{i}" for i, expression in enumerate(index.expressions)]
    conditions = [f"({index.predicate})"] if index.predicate else []
    known = [
        f"({sent(c)} IS NULL OR local.{quote(c.name)} IS NOT NULL)" for c in columns if c.is_reference or c.reference
    ]
    equal = "(({0}) = wanted.key_{1}{2})"
    or_null = " OR ({0}) IS NULL AND wanted.key_{1} IS NULL" if index.nulls_alike else ""
    matches = [equal.format(e, i, or_null.format(e, i)) for i, e in enumerate(index.expressions)]
    of_wanted = " AND ".join([*known, *conditions])
    return f"""\
        SELECT local.{quote(table.table.key[0])}::bigint AS id
        FROM (
            SELECT
{lines(wanted, depth=4)}
            FROM (
                SELECT
{lines(values, depth=5)}
            ) AS local{f"{chr(10)}            WHERE {of_wanted}" if of_wanted else ""}
        ) AS wanted
        JOIN {table.table.only}{table.name.sql} AS local
            ON {" AND ".join([*matches, *conditions])}"""


def recognise_by_external_id(link: LinkPlan, names: TablePlan, *, all_there: bool = False) -> str:
    """Pairs new records with the local ones that bear the same external id (the rows of ir_model_data in the batch).

    Not by those that Odoo up to 10 made for an export: they say no more than the id of the record on the source.
    `all_there`: what bears the names is known to be on the source, and need not be in the batch.
    """
    named = """
JOIN pg_temp.change AS named
    ON named.table_id = model.table_id AND named.op = 'I' AND named.key = sent.res_id::text"""
    name = looked_up(link, names, names.column("name"), "sent.name", SENT)
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, shipped_xid)
SELECT DISTINCT ON (model.number, sent.res_id)
    {link.peer_id}, model.number, sent.res_id, model.number, target.res_id, {shipped(link)}
FROM pg_temp.change AS change
{image(link, names, "new", "sent")}
JOIN ONLY {names.name.sql} AS target
    ON target.module = sent.module AND target.name = {name} AND target.model = sent.model
JOIN pg_temp.model AS model ON model.model = sent.model{"" if all_there else named}
WHERE change.table_id = {names.number} AND change.op = 'I' AND target.res_id > 0
    AND NOT (sent.module = '__export__' AND sent.name ~ ('_' || sent.res_id || '(_[0-9]{{1,3}})?$'))
    AND NOT EXISTS (
        SELECT FROM ucrepl.identity AS i
        WHERE i.peer_id = {link.peer_id} AND (
            (i.remote_table = model.number AND i.remote_id = sent.res_id)
            OR (i.local_table = model.number AND i.local_id = target.res_id)
        )
    )
ORDER BY model.number, sent.res_id, change.seq
ON CONFLICT DO NOTHING"""


def allocate(link: LinkPlan, table: TablePlan) -> str:
    """Gives a local id to every new record that has none yet: from the target's own sequence, or that of the source.

    They are given in the order of the ids on the source: where a document sorts its lines by id they stay in order.
    """
    if link.shared_with:
        return _keep_ids(link, table)
    identity, joined = f"nextval({literal(table.table.sequence or '')})", ""
    if table.wide:
        identity, joined = f"sent.{quote(WIDE_ID)}", f"\n{image(link, table, 'new', 'sent')}"
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, shipped_xid)
SELECT {link.peer_id}, {table.space}, change.key::bigint, {table.space},
    {identity}, {shipped(link)}
FROM pg_temp.change AS change{joined}
LEFT JOIN ucrepl.identity AS known
    ON known.peer_id = {link.peer_id} AND known.remote_table = {table.space} AND known.remote_id = change.key::bigint
WHERE change.table_id = {table.number} AND change.op = 'I' AND known.peer_id IS NULL
    AND NOT EXISTS (SELECT FROM pg_temp.trouble AS t WHERE t.seq = change.seq)
ORDER BY change.key::bigint"""


def _keep_ids(link: LinkPlan, table: TablePlan) -> str:
    """Lets every new record have the id of the source. A record whose id another one has here is noted as trouble."""
    identity = quote(table.table.key[0])
    return f"""\
WITH new AS (
    SELECT change.seq, change.key::bigint AS id
    FROM pg_temp.change AS change
    WHERE change.table_id = {table.number} AND change.op = 'I'
        AND NOT EXISTS ({_known(link, table)})
        AND NOT EXISTS (SELECT FROM pg_temp.trouble AS t WHERE t.seq = change.seq)
),
taken AS (
    INSERT INTO pg_temp.trouble (seq, reason, sqlstate, message)
    SELECT new.seq, 'error', '23505', format('the id %s is that of another record here', new.id)
    FROM new
    WHERE EXISTS (SELECT FROM {table.table.only}{table.name.sql} AS target WHERE target.{identity} = new.id)
        OR EXISTS (
            SELECT FROM ucrepl.identity AS i
            WHERE i.peer_id = {link.peer_id} AND i.local_table = {table.space} AND i.local_id = new.id
        )
    RETURNING seq
)
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, shipped_xid)
SELECT {link.peer_id}, {table.space}, new.id, {table.space}, new.id, {shipped(link)}
FROM new
WHERE NOT EXISTS (SELECT FROM taken WHERE taken.seq = new.seq)"""


def spread(link: LinkPlan, table: TablePlan) -> str:
    """Pairs new records with those of the other peers that share ids: they get them from the source, too.

    These pairs are not shipped: the peer would take a record that has not come yet for one that was deleted.
    """
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, shipped_xid)
SELECT peer.peer_id, {table.space}, own.local_id, {table.space}, own.local_id, '0'::xid8
FROM pg_temp.change AS change
JOIN ucrepl.identity AS own
    ON own.peer_id = {link.peer_id} AND own.remote_table = {table.space} AND own.remote_id = change.key::bigint
CROSS JOIN ucrepl.peer AS peer
WHERE change.table_id = {table.number} AND change.op = 'I' AND own.local_id = own.remote_id
    AND peer.peer_id IN {link.peers} AND peer.peer_id <> {link.peer_id}
ON CONFLICT DO NOTHING"""


def mentioned(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """The records that a column mentions by model name and id and that are in no pair: their table -> their keys."""
    return f"""\
SELECT mentioned.table_id, array_agg(mentioned.remote_id::text)
FROM (
{_unpaired_mentions(link, table, column)}
) AS mentioned
GROUP BY mentioned.table_id"""


def mention(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    """Gives a local id to the records that a column mentions by model name and id and that have none yet.

    Such a reference has no foreign key: the record may come later, or never, as on the source.
    """
    return f"""\
INSERT INTO ucrepl.identity (peer_id, remote_table, remote_id, local_table, local_id, shipped_xid)
SELECT {link.peer_id}, mentioned.number, mentioned.remote_id, mentioned.number, nextval(mentioned.sequence::regclass),
    {shipped(link)}
FROM (
{_unpaired_mentions(link, table, column)}
) AS mentioned
ORDER BY mentioned.number, mentioned.remote_id"""


def _unpaired_mentions(link: LinkPlan, table: TablePlan, column: ColumnPlan) -> str:
    model = f"sent.{quote(column.model_column or '')}"
    if table.surrogate:  # an update that sends the id alone is of a row which has the model
        model = f"""coalesce({model}, (
        SELECT here.{quote(column.model_column or "")}
        FROM ucrepl.identity AS own
        JOIN {table.table.only}{table.name.sql} AS here ON here.{quote(table.table.key[0])} = own.local_id
        WHERE own.peer_id = {link.peer_id} AND own.remote_table = {table.space} AND own.remote_id = change.key::bigint
    ))"""
    return f"""\
    SELECT DISTINCT model.number, model.table_id, model.sequence, {sent(column)}::bigint AS remote_id
    FROM pg_temp.change AS change
    {image(link, table, "new", "sent")}
    JOIN pg_temp.model AS model ON model.model = {model} AND model.ids <> 'never'
    WHERE change.table_id = {table.number} AND change.op IN ('I', 'U') AND {sent(column)} > 0
        AND NOT EXISTS (
            SELECT FROM ucrepl.identity AS i
            WHERE i.peer_id = {link.peer_id} AND i.remote_table = model.number AND i.remote_id = {sent(column)}
        )"""


def mark_existing(link: LinkPlan, table: TablePlan) -> str:
    """Turns the insert of a record that is already here into M, a merge into the local row.

    Nulls, which an insert does not bring along, are merged too. An insert with an old image follows a delete in the
    same batch: of it only what differs is merged.
    """
    hstore = quote(link.hstore_schema)
    minus = f"OPERATOR({hstore}.-)"
    names = ", ".join(literal(c.name) for c in table.columns)
    blank = f"{hstore}.hstore(ARRAY[{names}], array_fill(NULL::text, ARRAY[{len(table.columns)}]))"
    source, joined = "", ""
    if table.wide:
        source = f"\nFROM {table.wide_table} AS sent"
        joined = f"\n    AND sent.{quote(WIDE_SEQ)} = change.seq"
    whole = f"{hstore}.hs_concat({blank}, {wide_image(link) if table.wide else 'change.new'})"
    return f"""\
UPDATE pg_temp.change AS change
SET
    op = 'M',
    old = change.old {minus} {whole},
    new = CASE WHEN change.old IS NULL THEN {whole} ELSE {whole} {minus} change.old END{source}
WHERE change.table_id = {table.number} AND change.op = 'I'{joined}
    AND {here(link, table)}"""


def _known(link: LinkPlan, table: TablePlan) -> str:
    return (
        f"SELECT FROM ucrepl.identity AS known WHERE known.peer_id = {link.peer_id}"
        f" AND known.remote_table = {table.space} AND known.remote_id = change.key::bigint"
    )


def _matches(link: LinkPlan, table: TablePlan, key: RecognitionKey) -> Iterator[str]:
    """The conditions that a local record has the key.

    Where a value finds it, none by the index of a reference: thousands of records may refer to the same one, and the
    statistics of a table that is being filled do not say so.
    """
    filled = [table.column(name) for name in key.filled]
    found_by_value = any(c.column.indexed and c.column.type != "boolean" and not c.refers_to for c in filled)
    for column in map(table.column, key.columns):
        sent_value, local = extracted(link, column), f"target.{quote(column.name)}"
        equal = f"{local} = {looked_up(link, table, column, sent_value, Row(partial(extracted, link)))}"
        if column.name in key.may_be_empty:
            yield f"({equal} OR ({is_filled(link, column)} OR {local}::text <> '') IS NOT TRUE)"
        else:
            yield f"({equal}) IS TRUE" if found_by_value and column.refers_to else equal
