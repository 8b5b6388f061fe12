"""The check of that by which a cut-over leads the clients from one side to the other."""

from collections.abc import Iterator

from ucrepl.link.check.facts import LinkFacts
from ucrepl.link.check.finding import Finding
from ucrepl.link.cutover.preflight import no_way_back, wrong_settings


def cutover(link: LinkFacts) -> Iterator[Finding]:
    """What `ucrepl cutover` would refuse, where something is configured for it."""
    config = link.source.config
    if link.link.cutover is None and "cutover" not in config.model_fields_set:
        return
    for objection in (*wrong_settings(config, link.link), *no_way_back(config, link.link)):
        message = f"it can't be cut over: {objection.message}"
        yield Finding("warning", "cutover", message, objection.remedy, link=link.link.name)
