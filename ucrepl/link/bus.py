"""Odoo's bus: tells users' open pages that they are out of date, as Odoo does after its assets have changed."""

import json
import logging

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from ucrepl.db.connect import connect
from ucrepl.errors import UcreplError
from ucrepl.plan.catalog import TableName

BUS = TableName("public", "bus_bus")

LISTENED_TO = "postgres"
"""The database in which the servers of all Odoo databases of a cluster listen."""

CONNECT_SECONDS = 3

log = logging.getLogger(__name__)


class Bus:
    """Sends `bundle_changed` to all pages of the database of `target`, which ask their user then to reload.

    A page does so where the version in the message is not that of its server. `dsn` is that of the target.
    """

    def __init__(self, target: Connection[TupleRow], dsn: str) -> None:
        self._target = target
        self._dsn = make_conninfo(dsn, dbname=LISTENED_TO)
        self._channel = [target.info.dbname, "broadcast"]
        self._is_due = False

    def write(self) -> None:
        """Writes the message, in the transaction at hand."""
        message = {"type": "bundle_changed", "payload": {"server_version": "ucrepl"}}
        self._target.execute(
            f"INSERT INTO {BUS.sql} (create_date, channel, message) VALUES (now() AT TIME ZONE 'UTC', %s, %s)".encode(),
            [_json(self._channel), _json(message)],
        )
        self._is_due = True

    def notify(self) -> None:
        """Wakes the servers, once the message can be read. Where that fails pages get it with the next message."""
        if not self._is_due:
            return
        self._is_due = False
        try:
            with connect(self._dsn, application_name="ucrepl bus", connect_timeout=CONNECT_SECONDS) as listened_to:
                listened_to.execute("SELECT pg_notify('imbus', %s)", [_json([self._channel])])
        except (psycopg.Error, UcreplError) as error:
            log.warning("open pages are not told to reload: %s", error)


def _json(value: object) -> str:
    """The text of a value in the form in which Odoo compares channels."""
    return json.dumps(value, separators=(",", ":"))
