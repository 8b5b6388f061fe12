"""Opens both sides: the pair is no longer one of which one side is open."""

from ucrepl.config import Config, Link
from ucrepl.errors import RefusedError
from ucrepl.link.cutover import fence
from ucrepl.link.cutover.record import alone, entries
from ucrepl.link.node import identify
from ucrepl.link.nodes import Nodes


def release(config: Config, link: Link, nodes: Nodes) -> list[str]:
    """Opens the sides of a link that are closed. Returns which.

    Raises RefusedError while a cut-over is under way or interrupted, and where no link leads back: what is written to
    the target would stay there.
    """
    if config.way_back(link) is None:
        raise RefusedError(
            f"no link leads from {link.target!r} to {link.source!r}: with both open they would part",
            hint="write that link first",
        )
    ends = {name: nodes.get(name) for name in (link.source, link.target)}
    for name, end in ends.items():
        identify(end, name)
    with alone(ends):
        for end in ends.values():
            for entry in entries(end, unfinished=True):
                raise RefusedError(
                    f"a cut-over of {entry.link!r} was interrupted",
                    hint=f"first: ucrepl cutover resume '{entry.link}', or: ucrepl cutover abort '{entry.link}'",
                )
        opened = [name for name, end in ends.items() if fence.read_fence(end).closed]
        for name in opened:
            with ends[name].transaction():
                fence.reopen(ends[name])
    return opened
