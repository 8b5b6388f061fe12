"""The checks of a link in which totals add up, and what can't be right about them."""

from collections.abc import Iterator

from ucrepl.db.sqlfiles import query
from ucrepl.link.check.facts import LinkFacts, NodeFacts
from ucrepl.link.check.finding import Finding
from ucrepl.link.words import counted, listed
from ucrepl.plan.catalog import TableName

MOVES = TableName("public", "stock_move")


def totals(link: LinkFacts) -> Iterator[Finding]:
    """What both nodes do adds up, also where they have done one and the same thing."""
    way_back = link.source.config.way_back(link.link)
    if not link.plan.totals or way_back is None or link.link.source > link.link.target:
        return
    names = listed([str(table.name) for table in link.plan.totals.values()])
    message = f"what both nodes do adds up in {names}: what is done on both, while they are apart, counts twice"
    remedy = "have each picking done by one node, by warehouse for instance; after an outage count what was moved in it"
    yield Finding("note", "totals", message, remedy, link=link.link.name)
    if twice := _done_twice(link):
        names = listed([f"{MOVES} {number}" for number in twice])
        message = f"done on both nodes, and counted twice: {counted(len(twice), 'stock move')}: {names}"
        remedy = f"these are ids of {link.link.target!r}: count their products there, or return one of the two"
        yield Finding("warning", "totals", message, remedy, link=link.link.name)


def _done_twice(link: LinkFacts) -> list[int]:
    """The stock moves, by their ids on the target, that both nodes have done, as far as the journals reach."""
    table = link.plan.by_name.get(MOVES)
    if table is None or not (link.source.identity and link.target.identity):
        return []
    done = _done(link.source)
    known = link.target.connection.execute(
        "SELECT i.local_id FROM ucrepl.identity AS i JOIN ucrepl.peer AS p ON p.peer_id = i.peer_id AND p.name = %s"
        " WHERE i.remote_table = %s AND i.remote_id = ANY (%s)",
        [link.link.source, table.space, list(done)],
    ).fetchall()
    return sorted({local for (local,) in known} & _done(link.target))


def _done(node: NodeFacts) -> set[int]:
    rows = node.connection.execute(query("check_done", node.catalog.hstore_schema).encode()).fetchall()
    return {number for (number,) in rows}
