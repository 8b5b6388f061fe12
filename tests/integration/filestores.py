"""A pair of nodes with attachments, and their filestores."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.integration.links import Pair
from ucrepl.config import Config
from ucrepl.daemon.files import FileService
from ucrepl.link.files.store import CHUNK_BYTES

DDL = """
CREATE TABLE ir_config_parameter (id serial PRIMARY KEY, key varchar UNIQUE, value text);
CREATE TABLE ir_attachment (
    id serial PRIMARY KEY, name text, store_fname varchar, db_datas bytea, file_size int, checksum varchar(40)
);
"""
IN_DATABASE = "INSERT INTO ir_config_parameter (key, value) VALUES ('ir_attachment.location', 'db')"
LARGE = bytes(range(256)) * (CHUNK_BYTES // 256 * 20) + b"end"
"""More than may be in flight at once."""


def fname(content: bytes) -> str:
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return f"{sha1[:2]}/{sha1}"


class Files:
    """A pair of nodes with attachments, and their filestores."""

    def __init__(self, pair: Pair, folder: Path) -> None:
        self.pair = pair
        self.a, self.b = folder / "a", folder / "b"
        self.a.mkdir()
        self.b.mkdir()
        self.local()

    def local(self) -> None:
        """Both filestores are on this host."""
        self.configure(a=self.a, b=self.b)

    def remote(self) -> None:
        """That of the source is on another host."""
        self.configure(a=None, b=self.b)

    def configure(self, *, a: Path | None, b: Path | None) -> None:
        self.pair.close_links()
        document = self.pair.config.model_dump(by_alias=True, exclude_unset=True)
        document["nodes"]["turin"]["filestore"], document["nodes"]["milan"]["filestore"] = a, b
        self.pair.config = Config.model_validate(document)

    def put(self, root: Path, content: bytes) -> Path:
        path = root / fname(content)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def attach(self, name: str, content: bytes, *, stored: bool = True) -> None:
        """Has turin make an attachment, with its file or without."""
        if stored:
            self.put(self.a, content)
        self.pair.a.run(
            "INSERT INTO ir_attachment (name, store_fname, file_size, checksum) VALUES (%s, %s, %s, %s)",
            name, fname(content), len(content), fname(content)[3:],
        )  # fmt: skip

    def has(self, content: bytes) -> bool:
        """Whether milan has the file."""
        path = self.b / fname(content)
        return path.exists() and path.read_bytes() == content

    def parked(self) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in self.pair.b.rows("SELECT store_fname, reason FROM ucrepl.parked_file")]

    def rows(self) -> list[str]:
        return self.pair.b.column("SELECT name FROM ir_attachment ORDER BY 1")

    @contextmanager
    def served(self) -> Iterator[None]:
        """A daemon runs beside turin's filestore."""
        nodes = {"turin": {"dsn": self.pair.a.dsn, "filestore": str(self.a)}}
        service = FileService(Config.model_validate({"nodes": nodes}), "turin")
        service.start()
        try:
            yield
        finally:
            service.stop()
            assert service.join(10)

    def config_file(self, folder: Path) -> Path:
        document = self.pair.config.model_dump(by_alias=True, exclude_unset=True)
        for name, side in (("turin", self.pair.a), ("milan", self.pair.b)):
            node = document["nodes"][name]
            document["nodes"][name] = {"dsn": side.dsn}
            if node.get("filestore"):
                document["nodes"][name]["filestore"] = str(node["filestore"])
        path = folder / "ucrepl.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path
