"""From a file to a `Config`, or to everything that is wrong with it."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from ucrepl.config.crosscheck import crosscheck
from ucrepl.config.document import read_document
from ucrepl.config.explain import explain, model_of_config
from ucrepl.config.models import Config
from ucrepl.config.problems import InvalidConfigError
from ucrepl.errors import ConfigError


def load_config(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """Read the configuration file at `path`; `${VAR}` is read from `environ` (default: the process's own).

    Raises `ConfigError` if the file can't be read, and `InvalidConfigError` with all problems if it is wrong.
    """
    text = read_text(path, "configuration", "`ucrepl config sample > FILE` makes one to begin with")
    config = parse_config(text, str(path), os.environ if environ is None else environ)
    return config.model_copy(update={"packs": [path.parent / pack for pack in config.packs]})


def read_text(path: Path, what: str, hint: str = "check the path") -> str:
    """The text of a file; `what` it is called in the ConfigError that is raised where it can't be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        message = f"can't read the {what} {str(path)!r}: {(error.strerror or str(error)).lower()}"
        raise ConfigError(message, hint) from None
    except UnicodeDecodeError as error:
        message = f"the {what} {str(path)!r} is not in UTF-8 (offset {error.start})"
        raise ConfigError(message, "save the file as UTF-8") from None


def parse_config(text: str, file: str, environ: Mapping[str, str]) -> Config:
    """The configuration in `text`; `file` is the name to show in messages. Raises `InvalidConfigError`."""
    document = read_document(text, file, environ)
    config = None
    if document.data is None and not document.problems:
        document.report((), "the file is empty")
    elif document.data is not None:
        crosscheck(document)
        try:
            config = Config.model_validate(document.data, by_alias=True, by_name=False)
        except ValidationError as error:
            explain(document, error, model_of_config)
    if config is None or document.problems:
        raise InvalidConfigError(file, document.problems.values())
    return config
