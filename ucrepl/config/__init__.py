"""The configuration file: reading it, checking it, and the models that the rest of the program works with."""

from ucrepl.config.load import load_config, parse_config, read_text
from ucrepl.config.models import (
    Config,
    ConflictPolicy,
    Cutover,
    Daemon,
    DeletedPolicy,
    Link,
    Mode,
    Node,
    PgBouncer,
    Rule,
)
from ucrepl.config.problems import InvalidConfigError, Problem

__all__ = [
    "Config",
    "ConflictPolicy",
    "Cutover",
    "Daemon",
    "DeletedPolicy",
    "InvalidConfigError",
    "Link",
    "Mode",
    "Node",
    "PgBouncer",
    "Problem",
    "Rule",
    "load_config",
    "parse_config",
    "read_text",
]
