"""Reads YAML, keeping the place of every key and value.

All values come out as the text that was written: what type a value has is decided by the models, not by YAML.
So a node called `no` and a column called `on` are what they seem, and `${VAR}` works for numbers, too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from ucrepl.config.problems import KeyPath, Problem, format_path
from ucrepl.dsn import redact

_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[^}]*)(?P<end>\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
}
_NULL = "tag:yaml.org,2002:null"


class Spot(NamedTuple):
    """A place in the file, and the text that is written there (before variables are put in; "" if no scalar)."""

    line: int
    column: int
    text: str = ""


@dataclass
class Document:
    """A file as read: its data (`dict`, `list`, `str`, `None`), the places, and what is wrong with the YAML."""

    file: str
    data: object = None
    values: dict[KeyPath, Spot] = field(default_factory=lambda: {(): Spot(1, 1)})
    keys: dict[KeyPath, Spot] = field(default_factory=dict)
    problems: dict[KeyPath, Problem] = field(default_factory=dict)

    def spot(self, path: KeyPath) -> Spot:
        """The place of the value at `path`, or of the nearest thing around it that is in the file."""
        while path not in self.values:
            path = path[:-1]
        return self.values[path]

    def report(self, path: KeyPath, message: str, hint: str | None = None, *, at: Spot | None = None) -> None:
        """Note what is wrong at `path`; of several things wrong with one value only the first is kept.

        A password that somebody wrote in the wrong place is hidden.
        """
        line, column, _ = at or self.spot(path)
        where, message, hint = redact(format_path(path)), redact(message), redact(hint) if hint else None
        self.problems.setdefault(path, Problem(self.file, line, column, where, message, hint))


def read_document(text: str, file: str, environ: Mapping[str, str]) -> Document:
    """Parse `text`; `file` is the name to show, `environ` what `${VAR}` is read from."""
    document = Document(file)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = Spot(mark.line + 1, mark.column + 1) if mark else Spot(1, 1)
        line = text.splitlines()[spot.line - 1 : spot.line]
        hint = "a value with ${…} needs quotes" if any("${" in part for part in line) else None
        what = ", ".join(filter(None, (error.context, error.problem)))
        document.report((), f"not valid YAML: {what}", hint, at=spot)
    except yaml.reader.ReaderError as error:
        before = text[: error.position].split("\n")
        spot = Spot(len(before), len(before[-1]) + 1)
        document.report((), f"not valid YAML: the character {text[error.position]!r} is not allowed", at=spot)
    else:
        document.data = _Reader(document, environ).value(root, (), ()) if root else None
    return document


@dataclass(frozen=True)
class _Reader:
    document: Document
    environ: Mapping[str, str]

    def value(self, node: yaml.Node, path: KeyPath, within: tuple[yaml.Node, ...]) -> object:
        spot = self.document.values[path] = _spot(node)
        if node.tag not in _PLAIN_TAGS:
            self.document.report(path, f"the tag {node.tag!r} is not understood", "leave the tag out")
        if node in within:
            self.document.report(path, "an alias that contains itself")
            return None
        match node:
            case yaml.MappingNode():
                return self.mapping(node, path, (*within, node))
            case yaml.SequenceNode():
                return [self.value(item, (*path, i), (*within, node)) for i, item in enumerate(node.value)]
            case yaml.ScalarNode(tag=tag) if tag == _NULL:
                return None
        return self.filled(spot, path)

    def mapping(self, node: yaml.MappingNode, path: KeyPath, within: tuple[yaml.Node, ...]) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            spot = _spot(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.report(path, "a key must be a word, not a list or a mapping", at=spot)
                continue
            key = self.filled(spot, path)
            here = (*path, key)
            if key in result:
                first = self.document.keys[here].line
                self.document.report(here, f"the key {key!r} stands here twice, first on line {first}", at=spot)
            else:
                self.document.keys[here] = spot
                result[key] = self.value(value_node, here, within)
        return result

    def filled(self, spot: Spot, path: KeyPath) -> str:
        """The text with its variables put in; a variable that is not there stays as written and is reported."""

        def put_in(match: re.Match[str]) -> str:
            name = match["name"]
            if name is None:
                return "${"
            if not (match["end"] and _NAME.fullmatch(name)):
                message = f"{match[0]!r} is not a variable"
                self.document.report(path, message, "write ${NAME}, or $${ for the characters ${", at=spot)
            elif name not in self.environ:
                message = f"the environment variable {name!r} is not set"
                self.document.report(path, message, f"set {name}, or write $${{{name}}} for the text itself", at=spot)
            return self.environ.get(name, match[0])

        return _VARIABLE.sub(put_in, spot.text)


def _spot(node: yaml.Node) -> Spot:
    mark = node.start_mark
    return Spot(mark.line + 1, mark.column + 1, node.value if isinstance(node, yaml.ScalarNode) else "")
