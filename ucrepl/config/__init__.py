"""The configuration file: reading it, checking it, and the models that the rest of the program works with."""

from ucrepl.config.load import load_config, parse_config, read_text
from ucrepl.config.models import (
    Action,
    Config,
    ConflictPolicy,
    Cutover,
    Daemon,
    DeletedPolicy,
    Key,
    Level,
    Link,
    Metrics,
    Mode,
    Node,
    NumberOwner,
    Numbers,
    PgBouncer,
    Rule,
    fits,
)
from ucrepl.config.problems import InvalidConfigError, Problem

__all__ = [
    "Action",
    "Config",
    "ConflictPolicy",
    "Cutover",
    "Daemon",
    "DeletedPolicy",
    "InvalidConfigError",
    "Key",
    "Level",
    "Link",
    "Metrics",
    "Mode",
    "Node",
    "NumberOwner",
    "Numbers",
    "PgBouncer",
    "Problem",
    "Rule",
    "fits",
    "load_config",
    "parse_config",
    "read_text",
]
