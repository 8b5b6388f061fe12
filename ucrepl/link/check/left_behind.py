"""The check of what users of a cluster miss on the other node, because the policy leaves it where it is."""

from collections.abc import Iterator

from ucrepl.link.check.facts import LinkFacts
from ucrepl.link.check.finding import Finding
from ucrepl.packs import load_packs


def left_behind(link: LinkFacts) -> Iterator[Finding]:
    """Names the rules of packs because of which something of this Odoo does not follow.

    Both ways are looked at once, with the link whose source comes first by name.
    """
    config, ends = link.source.config, (link.link.source, link.link.target)
    both_ways = any((other.target, other.source) == ends for other in config.links)
    if link.link.policy != "cluster" or (both_ways and ends[0] > ends[1]):
        return
    used = {use.rule for use in link.plan.rules if use.says != "replicate"}
    rules = load_packs(tuple(config.packs)).policies
    names = dict.fromkeys(rule.name for rule in rules if rule.holds_back and rule.name in used)
    if names:
        message = f"the policy 'cluster' does not bring: {', '.join(names)}"
        remedy = (
            "README says of each what it means, under \"What 'cluster' does not bring\"; which tables and columns:"
            f" ucrepl plan '{link.link.name}'"
        )
        yield Finding("note", "policy", message, remedy, link=link.link.name)
