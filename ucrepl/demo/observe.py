"""What is seen while the acts are played: what ucrepl says of its links, and the ids that customers have."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg

from ucrepl.demo.player import Player
from ucrepl.demo.scene import MILAN, TURIN, Link, Partner, Scene
from ucrepl.demo.stage import Stage

if TYPE_CHECKING:
    from ucrepl.demo.program import Process

# The customers that were taken on at either site, as milan has them, with their ids in turin: the first, which got the
# same id on both sides, and the newest.
_PARTNERS: Final[LiteralString] = """
    SELECT name, remote_id, id
    FROM (
        SELECT
            p.name, m.remote_id, p.id,
            row_number() OVER (ORDER BY p.id) AS place,
            count(*) OVER () AS partners
        FROM res_partner AS p
        LEFT JOIN ucrepl.identity_map AS m
            ON m.peer = %s AND m.table_name = 'res_partner' AND m.local_id = p.id
        WHERE p.ref LIKE 'turin-%%' OR p.ref LIKE 'milan-%%'
    ) AS customer
    WHERE place <= 2 OR place > partners - 2
    ORDER BY place
"""


class Observer(Player):
    """Keeps the links and the customers of the scene up to date."""

    def __init__(self, stage: Stage, scene: Scene) -> None:
        super().__init__("observer")
        self._stage, self._scene = stage, scene
        self._watching: Process | None = None

    def wake(self) -> None:
        """End the program that watches, and with it `run`."""
        if self._watching:
            self._watching.terminate()

    def run(self) -> None:
        """Look around each time that `ucrepl status --watch` says something new."""
        with self._stage.ucrepl.start("status", "--watch", "--json", stdout=PIPE, stderr=DEVNULL) as self._watching:
            if self.leaving.is_set():
                self.wake()
            for links in read_status(self._watching.stdout or ()):
                self._scene.links = links
                self._look_at_customers()

    def look(self) -> None:
        """Look once."""
        (self._scene.links,) = read_status(self._stage.ucrepl.run("status", "--json").splitlines())
        self._look_at_customers()

    def _look_at_customers(self) -> None:
        """Keep what was seen last while the server is away."""
        with suppress(psycopg.OperationalError), self._stage.connect(MILAN) as connection:
            rows = connection.execute(_PARTNERS, (TURIN,)).fetchall()
            self._scene.partners = [Partner(name, (turin, milan)) for name, turin, milan in rows]


def read_status(lines: Iterable[str]) -> Iterator[dict[str, Link]]:
    """What `ucrepl status --json` says of the links, once for each object that it prints."""
    document = ""
    for line in lines:
        document += line
        with suppress(json.JSONDecodeError):  # it goes on in the next line
            rows: list[dict[str, Any]] = json.loads(document)["links"]
            document = ""
            yield {row["link"]: Link(**{field.name: row[field.name] for field in fields(Link)}) for row in rows}
