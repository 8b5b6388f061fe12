"""The acts, in the order in which they are told."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from time import monotonic, sleep
from typing import Final

from psycopg import OperationalError

from ucrepl.demo.compare import Comparison, Side, compare
from ucrepl.demo.crew import Crew
from ucrepl.demo.observe import Observer
from ucrepl.demo.office import Office, first_customer
from ucrepl.demo.probe import Probe
from ucrepl.demo.scene import LINKS, MILAN, SITES, TURIN, Act, Scene, link_name
from ucrepl.demo.show import Show
from ucrepl.demo.stage import PROTECTED, Stage
from ucrepl.errors import UcreplError

_ACTS: Final = (
    ("Two sites", "Two servers start, each with a clone of one database."),
    ("Install and seed", "ucrepl sets triggers and pairs the clones' records."),
    ("One id, two records", "Each site takes on a customer: the same id, twice."),
    ("At work", "The daemon links them while people work on both."),
    ("Milan goes down", "The server of milan stops while turin works on."),
    ("A conflict", "Links paused, both sides write a customer's phone."),
    ("A protected field", "turin writes a comment (level 3) and a street."),
    ("Equal?", "Drained, all rows are compared through the id map."),
)
_WORK_SECONDS: Final = 3.5
_AWAY_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.02
_PARTNER: Final = "C001"  # a customer of the base data, which both sites have had since before they were parted


def new_scene() -> Scene:
    """The scene before the first act."""
    return Scene([Act(title, sentence) for title, sentence in _ACTS])


class Story:
    """The acts, played on a stage that is not built yet."""

    def __init__(self, stage: Stage, scene: Scene, show: Show) -> None:
        self._stage, self._scene, self._show = stage, scene, show
        self._crews = {site: Crew(site, partial(stage.connect, site), scene) for site in SITES}
        self._probes = [
            Probe(
                first_customer(source),
                partial(stage.connect, source),
                partial(stage.connect, target),
                scene.latencies[link_name(source, target)],
            )
            for source, target in LINKS
        ]
        self._observer = Observer(stage, scene)

    def play(self) -> Comparison:
        """Play all acts, and tell whether both sides are equal in the end."""
        acts = (
            self._two_sites,
            self._install_and_seed,
            self._one_id_two_records,
            self._at_work,
            self._milan_goes_down,
            self._conflict,
            self._protected_field,
        )
        with ExitStack() as cast:
            for number, act in enumerate(acts, 1):
                self._show.begin(number)
                self._show.end(number, act(cast))
        self._show.begin(len(_ACTS))
        comparison = self._equal()
        self._show.end(len(_ACTS), verdict(comparison), failed=not comparison.equal)
        return comparison

    def _two_sites(self, cast: ExitStack) -> str:
        self._stage.build()
        for crew in self._crews.values():
            cast.enter_context(crew)
        (version,) = self._stage.row(TURIN, "SELECT current_setting('server_version_num')::int / 10000")
        return f"PostgreSQL {version} twice: the same data, the same next ids"

    def _install_and_seed(self, _cast: ExitStack) -> str:
        self._stage.ucrepl.run("install")
        self._stage.ucrepl.run("seed", "--same-ids")
        pairs, tables = self._stage.row(MILAN, "SELECT count(*), count(DISTINCT table_name) FROM ucrepl.identity_map")
        return f"{pairs} records in {tables} tables known to be the same"

    def _one_id_two_records(self, _cast: ExitStack) -> str:
        here, there = (self._crews[site].do(lambda office: office.new_customer()) for site in SITES)
        return f"{here.id} is {here.name} and also {there.name}"

    def _at_work(self, cast: ExitStack) -> str:
        self._stage.start_daemon()
        cast.enter_context(self._observer)
        for source, target in LINKS:
            self._until(partial(self._has, target, first_customer(source)), "the first customers reach the other side")
        for crew in self._crews.values():
            crew.work()
        for probe in self._probes:
            cast.enter_context(probe)
        sleep(_WORK_SECONDS)
        for probe in self._probes:
            probe.rest()
        done = sum(site.transactions for site in self._scene.sites.values())
        latencies = self._scene.latencies.values()
        median = max(latency.p50_ms or 0 for latency in latencies)
        return f"{done} transactions, {median:.0f} ms from side to side (median)"

    def _milan_goes_down(self, _cast: ExitStack) -> str:
        before = self._scene.sites[TURIN].transactions
        self._stage.stop_server(MILAN)
        sleep(_AWAY_SECONDS)
        self._stage.start_server(MILAN)
        missed = self._scene.sites[TURIN].transactions - before
        last = self._crews[TURIN].do(lambda office: office.new_customer())
        back = monotonic()
        self._until(partial(self._has, MILAN, last.ref), "milan catches up")
        return f"{missed} transactions behind, level again after {monotonic() - back:.1f} s"

    def _conflict(self, _cast: ExitStack) -> str:
        for crew in self._crews.values():
            crew.rest()
        for link in LINKS:
            self._stage.ucrepl.run("pause", link_name(*link))
        phones = {TURIN: "011 555 0107", MILAN: "02 555 0209"}
        for site, phone in phones.items():
            self._crews[site].do(partial(Office.change_customer, ref=_PARTNER, phone=phone))
        for link in LINKS:
            self._stage.ucrepl.run("resume", link_name(*link))
        self._until(lambda: self._customer(TURIN)["phone"] == phones[MILAN], "the later phone wins")
        return "turin's lost to milan's later one, on both sides"

    def _protected_field(self, _cast: ExitStack) -> str:
        kept = self._customer(MILAN)["comment"]
        self._crews[TURIN].do(
            partial(Office.change_customer, ref=_PARTNER, comment="pays early", street="Via Garibaldi 20")
        )
        self._until(lambda: self._customer(MILAN)["street"] == "Via Garibaldi 20", "the street reaches milan")
        if self._customer(MILAN)["comment"] != kept:
            message = f"the protected comment of {_PARTNER!r} was changed in milan"
            raise UcreplError(message)
        return "milan took the street, and kept its own comment"

    def _equal(self) -> Comparison:
        self._stage.ucrepl.end()
        self._stage.ucrepl.run("run", "--drain")
        self._observer.look()
        with self._stage.connect(TURIN) as turin, self._stage.connect(MILAN) as milan:
            return compare(Side(TURIN, turin), Side(MILAN, milan), leave_out=PROTECTED)

    def _has(self, site: str, ref: str) -> bool:
        return self._stage.row(site, "SELECT count(*) FROM res_partner WHERE ref = %s", ref) == (1,)

    def _customer(self, site: str) -> dict[str, str]:
        columns = ("phone", "street", "comment")
        values = self._stage.row(site, "SELECT phone, street, comment FROM res_partner WHERE ref = %s", _PARTNER)
        return dict(zip(columns, values, strict=True))

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for what must come true; a server that is away for a moment is no reason to give up."""
        deadline = monotonic() + _PATIENCE_SECONDS
        while monotonic() < deadline and self._stage.daemon_lives:
            with suppress(OperationalError):
                if condition():
                    return
            sleep(_LOOK_SECONDS)
        message = f"waited in vain until {what}; the daemon says: {self._stage.last_log_line()}"
        raise UcreplError(message, "`ucrepl demo --keep` leaves everything in place to look around")


def verdict(comparison: Comparison) -> str:
    """The last sentence."""
    compared = f"{comparison.tables} tables, {comparison.rows} rows"
    if comparison.equal:
        return f"{compared}: equal on both sides"
    return f"{compared}: {len(comparison.differences)} differences"
