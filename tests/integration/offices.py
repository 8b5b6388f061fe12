"""Two linked Odoo that number documents."""

from pathlib import Path
from typing import Any

import yaml

from tests.integration.links import Pair
from tests.integration.terminal import FORTH, Terminal
from tests.support.numbering import Writer


class Offices:
    """Two linked Odoo, each with a writer, whose ids differ."""

    def __init__(self, pair: Pair, folder: Path) -> None:
        self.pair = pair
        self.turin, self.milan = Writer(pair.a.connection), Writer(pair.b.connection)
        self.terminal = Terminal(pair, folder)

    def configure(self, **numbers: object) -> None:
        """Write the section `numbers` of the configuration."""
        document = yaml.safe_load(self.terminal.path.read_text())
        self.terminal.path.write_text(yaml.safe_dump({**document, "numbers": numbers}))

    def set(self, *words: str) -> None:
        """Run `numbers`; no link may be open meanwhile."""
        self.pair.close_links()
        self.terminal("numbers", *words, FORTH)

    def on_milan(self, number: int, table: str = "ir_sequence") -> int:
        """What milan calls a record of turin's."""
        return dict(self.pair.b.pairs(table))[number]

    def status(self, code: int = 0) -> dict[str, dict[str, Any]]:
        """What `numbers status` says of each node, which must end with this exit code."""
        return {node["node"]: node for node in self.terminal("numbers", "status", "--json", code=code).json["nodes"]}
