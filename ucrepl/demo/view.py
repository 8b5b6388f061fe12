"""The scene as rich text: a pure function of its state."""

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ucrepl.demo.scene import MILAN, TURIN, Act, Link, Progress, Scene, Site

_MARKS: Final = {
    Progress.WAITING: ("·", "dim"),
    Progress.RUNNING: ("▶", "bold yellow"),
    Progress.DONE: ("✓", "bold green"),
    Progress.FAILED: ("✗", "bold red"),
}
_STATE_STYLES: Final = {"running": "green", "idle": "green", "paused": "yellow", "down": "red", "stopped": "dim"}
_SITE_STYLES: Final = {TURIN: "cyan", MILAN: "magenta"}
_TITLE_WIDTH: Final = 20


def render(scene: Scene) -> RenderableType:
    """The picture of this moment."""
    return Group(
        _heading(scene),
        Text(),
        *(_act(number, act) for number, act in enumerate(scene.acts, 1)),
        Text(),
        _sites(scene),
        Text(),
        _links(scene),
        Text(),
        _partners(scene),
    )


def _heading(scene: Scene) -> RenderableType:
    row = Table.grid(expand=True)
    row.add_column()
    row.add_column(justify="right")
    row.add_row(
        Text.assemble(("ucrepl demo", "bold"), ("  two Odoo databases in step, each with ids of its own", "dim")),
        Text(f"{scene.elapsed:.0f} s", style="dim"),
    )
    return row


def _act(number: int, act: Act) -> RenderableType:
    mark, style = _MARKS[act.progress]
    row = Table.grid(padding=(0, 1))
    row.add_column(width=1)
    row.add_column(width=1, justify="right")
    row.add_column(width=_TITLE_WIDTH)
    row.add_column(ratio=1)
    waiting = act.progress is Progress.WAITING
    story = "" if waiting else act.outcome or act.sentence
    row.add_row(
        Text(mark, style),
        Text(str(number), "dim"),
        Text(act.title, "dim" if waiting else "bold"),
        Text(story, "red" if act.progress is Progress.FAILED else ""),
    )
    return row


def _sites(scene: Scene) -> RenderableType:
    table = _table("site", "server", "transactions>", "the last one")
    for name, site in scene.sites.items():
        table.add_row(Text(name, _SITE_STYLES[name]), _server(site), f"{site.transactions:,}", Text(site.last))
    return Padding(table, (0, 0, 0, 2))


def _server(site: Site) -> Text:
    return Text("● up", "green") if site.up else Text("○ down", "red")


def _links(scene: Scene) -> RenderableType:
    table = _table("link", "state", "applied>", "waiting>", "p50>", "slowest>", "conflicts>", "parked>")
    for name, link in scene.links.items():
        latency = scene.latencies[name]
        table.add_row(_link_name(name), *_counters(link, _ms(latency.p50_ms), _ms(latency.max_ms)))
    return Padding(table, (0, 0, 0, 2))


def _link_name(name: str) -> Text:
    source, target = name.split("->")
    return Text.assemble((source, _SITE_STYLES[source]), " → ", (target, _SITE_STYLES[target]))


def _counters(link: Link, p50: str, slowest: str) -> Iterator[RenderableType]:
    yield Text(link.state, _STATE_STYLES.get(link.state, ""))
    yield f"{link.applied:,}"
    yield Text(f"{link.lag_rows:,}", "yellow" if link.lag_rows else "")
    yield p50
    yield slowest
    yield Text(str(link.conflicts), "yellow" if link.conflicts else "")
    yield Text(str(link.parked), "bold red" if link.parked else "")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _partners(scene: Scene) -> RenderableType:
    table = _table("the same customer", "id in turin>", "id in milan>")
    for partner in scene.partners:
        here, there = ("…" if i is None else str(i) for i in partner.ids)
        table.add_row(Text(partner.name), Text(here, _SITE_STYLES[TURIN]), Text(there, _SITE_STYLES[MILAN]))
    return Padding(table, (0, 0, 0, 2))


def _table(*titles: str) -> Table:
    """A table with these columns; a title that ends in `>` makes a column of numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title.rstrip(">"), justify="right" if title.endswith(">") else "left", no_wrap=True)
    return table


def plain_lines(scene: Scene) -> Iterator[str]:
    """What the tables hold, as lines of plain text."""
    for name, link in scene.links.items():
        latency = scene.latencies[name]
        yield (
            f"{name}: {link.state}, {link.applied} applied, {link.lag_rows} waiting,"
            f" p50 {_ms(latency.p50_ms)}, slowest {_ms(latency.max_ms)},"
            f" {link.conflicts} conflicts, {link.parked} parked"
        )
    for partner in scene.partners:
        here, there = partner.ids
        yield f"{partner.name}: id {here} in turin, {there} in milan"
