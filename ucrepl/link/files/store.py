"""A filestore: where a file is, whether it is what it should be, and how one is written."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

CHUNK_BYTES: Final = 256 * 1024

MOST_IN_ROW_BYTES: Final = 128 * 1024 * 1024
"""Larger files are not put into a row of the database."""

TEMPORARY: Final = ".ucrepl-"
"""What the names of files begin with that are being written."""

Reason = Literal["missing", "unreadable", "different", "unanswered", "large", "unwritable"]

Side = Literal["source", "target"]
"""Whose filestore it is."""

_SHA1 = re.compile(r"[0-9a-f]{40}")


class FileError(Exception):
    """Why a file could not be brought."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file, by its `store_fname`, and what is known of its content."""

    name: str
    size: int | None = None
    checksum: str | None = None

    @property
    def sha1(self) -> str | None:
        """The sha1 of the content, of which the name is made; that of the row where it is a name of another kind."""
        last = self.name.rpartition("/")[2]
        return last if _SHA1.fullmatch(last) else self.checksum

    def check(self, size: int, sha1: str) -> None:
        """Raises FileError for a content that is another one."""
        if self.size is not None and size != self.size:
            raise FileError("different", f"{self.name!r} has {size} bytes instead of {self.size}")
        if self.sha1 is not None and sha1 != self.sha1:
            raise FileError("different", f"the content of {self.name!r} has the sha1 {sha1}")


def path_of(root: Path, name: str) -> Path:
    """Where Odoo has the file: it takes dots out of the name, and leads nowhere else so.

    Raises FileError for a name that is no file's.
    """
    cleaned = name.replace(".", "").strip("/\\")
    if not cleaned or "\0" in cleaned:
        raise FileError("unreadable", f"{name!r} is not the name of a file")
    return root / cleaned


def is_there(root: Path, wanted: Wanted) -> bool:
    """Whether the file is there with its size; where that is not known its content is looked at."""
    try:
        size = path_of(root, wanted.name).stat().st_size
        if wanted.size is None:
            wanted.check(*digest(root, wanted.name))
    except (OSError, FileError):
        return False
    return wanted.size in (None, size)


def digest(root: Path, name: str, side: Side = "source") -> tuple[int, str]:
    """The size and the sha1 of a file. Raises FileError where it can't be read."""
    sha1, size = hashlib.sha1(usedforsecurity=False), 0
    for data in read(root, name, side):
        sha1.update(data)
        size += len(data)
    return size, sha1.hexdigest()


def read(root: Path, name: str, side: Side = "source") -> Iterator[bytes]:
    """The content of a file, piece by piece. Raises FileError where it can't be read, which tells whose file it is."""
    try:
        with path_of(root, name).open("rb", buffering=0) as file:
            while data := file.read(CHUNK_BYTES):
                yield data
    except OSError as error:
        raise unreadable(name, error, side) from None


def unreadable(name: str, error: OSError, side: Side = "source") -> FileError:
    """What an error of the filestore of a side means."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileError("missing", f"the {side} has no file {name!r}")
    return FileError("unreadable", f"the {side} can't read its file {name!r}: {error.strerror}")


class Incoming:
    """A file that is being received. It gets its name when all of it is there and is what was wanted.

    Without a filestore (`root`) the content is kept, for a row of the database. All raise FileError; `discard` then.
    """

    def __init__(self, wanted: Wanted, root: Path | None) -> None:
        self.wanted = wanted
        self.size = 0
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._root = root
        self._content: list[bytes] = []
        self._temporary: Path | None = None
        self._file: int | None = None

    def write(self, data: bytes) -> None:
        """Adds the next piece."""
        self.size += len(data)
        self._sha1.update(data)
        if self._root is None:
            if self.size > MOST_IN_ROW_BYTES:
                most = MOST_IN_ROW_BYTES // 1024**2
                raise FileError("large", f"{self.wanted.name!r} has more than the {most} MB that go into a row")
            self._content.append(data)
            return
        try:
            file = self._opened(self._root)
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
        except OSError as error:
            raise self._unwritable(error) from None

    def finish(self) -> bytes:
        """Checks the content and gives the file its name. Returns the content where there is no filestore."""
        self.wanted.check(self.size, self._sha1.hexdigest())
        if self._root is None:
            return b"".join(self._content)
        try:
            file, temporary = self._opened(self._root), self._temporary
            os.fsync(file)
            os.close(file)
            self._file = None
            if temporary:
                final = path_of(self._root, self.wanted.name)
                temporary.replace(final)
                self._temporary = None
                _sync_folder(final.parent)
        except OSError as error:
            raise self._unwritable(error) from None
        return b""

    def discard(self) -> None:
        """Leaves nothing of a file that is not finished."""
        with suppress(OSError):
            if self._file is not None:
                os.close(self._file)
            if self._temporary:
                self._temporary.unlink()
        self._file = self._temporary = None

    def _opened(self, root: Path) -> int:
        if self._file is None:
            folder = path_of(root, self.wanted.name).parent
            if not folder.is_dir():
                root.mkdir(exist_ok=True)  # not what is above it: a disk that is not mounted stays empty
                folder.mkdir(parents=True, exist_ok=True)
                _sync_folder(folder.parent)
            while self._file is None:
                self._temporary = folder / f"{TEMPORARY}{uuid4().hex}"
                self._file = _own(self._temporary)
        return self._file

    def _unwritable(self, error: OSError) -> FileError:
        return FileError("unwritable", f"can't write {self.wanted.name!r} into {str(self._root)!r}: {error.strerror}")


def sweep(root: Path) -> None:
    """Removes what somebody had begun to write who was killed meanwhile; what is being written is locked."""
    for path in root.glob(f"*/{TEMPORARY}*"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _own(path: Path) -> int | None:
    """A new file, locked as long as it is open. None where it was swept away before it was locked."""
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return file
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
