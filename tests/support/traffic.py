"""What one site does while the other one works: an Odoo server's own traffic, or ours where there is none."""

import gzip
import re
from dataclasses import dataclass, field

from tests.support.odoo import odoo_file, play_workload
from tests.support.site import Site
from tests.support.tables import Table

_INSERT = re.compile(r'^INSERT INTO "?(\w+)', re.MULTILINE)
_UPDATE = re.compile(r'^UPDATE "?(\w+)"?(.*?)(?:WHERE|;$)', re.MULTILINE | re.DOTALL)
_OWN_TRANSACTIONS = 150


@dataclass
class Traffic:
    """The traffic on a database made from `template`.

    `inserts`: the tables in which it makes records, and counts on their ids: nobody else may make some before it.
    `updates`: the columns of each table that it may change, and all other words of its updates.
    """

    template: str
    inserts: set[str] = field(default_factory=set)
    updates: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, template: str) -> "Traffic":
        """Reads what it is about to do. The test is skipped where the traffic is not there."""
        traffic = cls(template)
        if traffic.is_odoo:
            script = gzip.decompress(odoo_file(f"{template}-workload.sql.gz").read_bytes()).decode()
            traffic.inserts.update(_INSERT.findall(script))
            for table, words in _UPDATE.findall(script):
                traffic.updates.setdefault(table, set()).update(re.findall(r"\w+", words))
        return traffic

    @property
    def is_odoo(self) -> bool:
        """Whether it is that of an Odoo server."""
        return self.template.startswith("odoo")

    def play(self, dsn: str, site: Site) -> None:
        """Runs it on the database, on which `site` works as well."""
        if self.is_odoo:
            play_workload(dsn, self.template)
        else:
            site.work(_OWN_TRANSACTIONS)

    def is_for_turin(self, table: Table, column: str) -> bool:
        """Of the columns of shared records, which ones turin changes besides."""
        return sum((table.label + column).encode()) % 2 == 0

    def is_for_milan(self, table: Table, column: str) -> bool:
        """Those that neither the traffic nor turin changes."""
        return column not in self.updates.get(table.label, ()) and not self.is_for_turin(table, column)
