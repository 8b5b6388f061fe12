"""The configuration file: reading it, checking it, and the models that the rest of the program works with."""

from ucrepl.config.load import load_config, parse_config, read_text
from ucrepl.config.models import (
    Action,
    Config,
    ConflictPolicy,
    Daemon,
    DeletedPolicy,
    Level,
    Link,
    Mode,
    Node,
    NumberOwner,
    Numbers,
    Rule,
    fits,
)
from ucrepl.config.problems import InvalidConfigError, Problem

__all__ = [
    "Action",
    "Config",
    "ConflictPolicy",
    "Daemon",
    "DeletedPolicy",
    "InvalidConfigError",
    "Level",
    "Link",
    "Mode",
    "Node",
    "NumberOwner",
    "Numbers",
    "Problem",
    "Rule",
    "fits",
    "load_config",
    "parse_config",
    "read_text",
]
