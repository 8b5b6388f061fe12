"""What is wrong in a configuration file, and where."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches

from ucrepl.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists, from the top of the file."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `key_path` as in `links[0].from`, line and column counted from 1."""

    file: str
    line: int
    column: int
    key_path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        what = f"{self.key_path}: {self.message}" if self.key_path else self.message
        return f"{self.file}:{self.line}:{self.column}: {what}" + (f" ({self.hint})" if self.hint else "")

    def as_dict(self) -> dict[str, object]:
        """The fields by name, for `--json`."""
        return asdict(self)


class InvalidConfigError(ConfigError):
    """A configuration file with problems, all of them, in the order of the file."""

    def __init__(self, file: str, problems: Iterable[Problem], hint: str | None = None) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.column)))
        count = len(self.problems)
        lines = [] if count == 1 else [f"{file} has {count} errors"]
        super().__init__(
            "\n".join([*lines, *map(str, self.problems)]),
            hint or "`ucrepl config sample` prints an example in which every key is explained",
        )


def format_path(path: KeyPath) -> str:
    """`("links", 0, "from")` as `links[0].from`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[\w-]+", step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text


def quoted(text: str) -> str:
    """A text from the file as it is shown: in quotes, and not too long."""
    return repr(f"{text:.80}")


def nearest(word: str, choices: Sequence[str]) -> str | None:
    """A hint: the choice that is nearest to a mistyped word; None if none is near."""
    near = get_close_matches(word, choices, n=1)
    return f"did you mean {near[0]!r}?" if near else None


def did_you_mean(word: str, choices: Sequence[str]) -> str | None:
    """A hint: the choice that is nearest to a mistyped word, or else all of them; None if there are none."""
    return nearest(word, choices) or (f"known are {', '.join(choices)}" if choices else None)
