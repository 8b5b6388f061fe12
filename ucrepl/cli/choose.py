"""Finds the nodes and links that a command line names."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ucrepl.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from ucrepl.config import Config, Link


def add_link(parser: ArgumentParser, *, default: str | None = None) -> None:
    """Add the argument for one link; with a `default` it can be left out."""
    text = "the link, in quotes: 'turin->milan'" + (f" (default: {default})" if default else "")
    parser.add_argument("link", metavar="LINK", nargs="?" if default else None, help=text)


def add_links(parser: ArgumentParser, *, default: str | None = None) -> None:
    """Add the argument for several links; with a `default` none need be named."""
    text = "the links, in quotes: 'turin->milan'" + (f" (default: {default})" if default else "")
    parser.add_argument("links", metavar="LINK", nargs="*" if default else "+", help=text)


def nodes_named(config: "Config", names: Sequence[str]) -> list[str]:
    """The nodes with these names, all where none is named. ConfigError for one that is not in the configuration."""
    from ucrepl.config.problems import did_you_mean

    for name in names:
        if name not in config.nodes:
            message = f"there is no node {name!r}"
            raise ConfigError(message, did_you_mean(name, list(config.nodes)))
    return list(dict.fromkeys(names)) or list(config.nodes)


def link_named(config: "Config", name: str) -> "Link":
    """The link with this name. ConfigError if there is none."""
    if name.endswith("-") and name not in {link.name for link in config.links}:
        message = f"there is no link {name!r}"
        hint = "put the link's name in quotes, or the shell takes its '>' away and overwrites a file: 'turin->milan'"
        raise ConfigError(message, hint)
    return config.link(name)


def links_named(config: "Config", name: str | None) -> list["Link"]:
    """The link with this name, or all. ConfigError for a name that is not there, UsageError if there are no links."""
    if name is not None:
        return [link_named(config, name)]
    if not config.links:
        message = "the configuration has no links"
        raise UsageError(message, "add them under 'links'; `ucrepl config sample` shows how")
    return list(config.links)
