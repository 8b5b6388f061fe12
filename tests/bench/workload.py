"""What is written on the source, and a marker by which a reader of the target knows that all of it has arrived."""

from collections.abc import Callable
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from tests.bench.servers import Sites, connect

Write = Callable[[Connection[TupleRow]], None]

TRANSACTION_ROWS: Final = 10
"""The Odoo 18 workload has 7,175 changes in 681 transactions."""
LOCAL_PARTNERS: Final = 5000


def insert_partners(rows: int, *, each: int = TRANSACTION_ROWS, site: str = "north") -> Write:
    """Inserts so many partners, in transactions of `each` rows."""

    def write(connection: Connection[TupleRow]) -> None:
        for first in range(0, rows, each):
            connection.execute("SELECT add_partners(%s, %s)", [min(each, rows - first), site])

    return write


def update_partners(rows: int, *, each: int = TRANSACTION_ROWS) -> Write:
    """Moves the last so many partners to another town and salesman, in transactions of `each`."""

    def write(connection: Connection[TupleRow]) -> None:
        for first, last in _last_ids(connection, rows, each):
            connection.execute(
                "UPDATE res_partner SET city = 'Milano ' || id, zip = '20100', user_id = create_uid, write_uid = 2,"
                " write_date = write_date + interval '1 day' WHERE id BETWEEN %s AND %s",
                [first, last],
            )

    return write


def update_differently(rows: int, *, each: int = TRANSACTION_ROWS) -> Write:
    """Updates the last so many partners, not all of them in the same columns, in transactions of `each` rows."""
    kinds = (
        "phone = '+39 02 ' || id",
        "comment = 'called on ' || write_date, user_id = create_uid",
        "street = id || ' Corso Buenos Aires', street2 = NULL",
        "customer_rank = customer_rank + 1",
        "email = 'new' || id || '@example.com', email_normalized = 'new' || id || '@example.com'",
    )

    def write(connection: Connection[TupleRow]) -> None:
        for position, (first, last) in enumerate(_last_ids(connection, rows, each)):
            connection.execute(
                f"UPDATE res_partner SET {kinds[position % len(kinds)]}, write_uid = 2,"
                f" write_date = write_date + interval '1 day' WHERE id BETWEEN {first} AND {last}".encode()
            )

    return write


def add_local_partners(sites: Sites, database: str, contestant: str) -> None:
    """Gives the target partners of its own; for PostgreSQL's replication, which knows but one id, out of its way."""
    with connect(sites.target, database) as target:
        if contestant == "native":
            target.execute("SELECT setval('res_partner_id_seq', 10000000)")
        target.execute("SELECT add_partners(%s, 'south')", [LOCAL_PARTNERS])


def mark(connection: Connection[TupleRow]) -> int:
    """Changes the marker in a transaction of its own and returns its new value."""
    row = connection.execute("UPDATE bench_marker SET n = n + 1 RETURNING n").fetchone()
    if row is None:
        raise LookupError("the database has no marker")
    return int(row[0])


def _last_ids(connection: Connection[TupleRow], rows: int, each: int) -> list[tuple[int, int]]:
    return connection.execute(
        "SELECT min(id), max(id) FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS part FROM ("
        "SELECT id FROM res_partner ORDER BY id DESC LIMIT %s) AS last) AS numbered GROUP BY part ORDER BY part",
        [each, rows],
    ).fetchall()
