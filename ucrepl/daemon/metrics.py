"""The metrics of the daemon: of each link what `status` says of it, and how long its batches take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, get_args

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from ucrepl import __version__
from ucrepl.daemon.durations import BOUNDS, Durations
from ucrepl.link.status import LinkStatus, State

_NUMBERS: Final = (
    (GaugeMetricFamily, "ucrepl_lag_rows", "lag_rows", "Changes of the source that are not applied yet."),
    (GaugeMetricFamily, "ucrepl_lag_seconds", "lag_seconds", "How old the oldest of them is."),
    (CounterMetricFamily, "ucrepl_applied", "applied", "Changes applied."),
    (CounterMetricFamily, "ucrepl_conflicts", "conflicts", "Columns that both sides had changed."),
    (CounterMetricFamily, "ucrepl_finer", "finer", "Batches that could not be applied as a whole."),
    (GaugeMetricFamily, "ucrepl_parked", "parked", "Changes that could not be applied and wait."),
    (GaugeMetricFamily, "ucrepl_held", "held", "Rows for which the target has no table or no column yet."),
    (
        GaugeMetricFamily,
        "ucrepl_unknown_references",
        "unknown_references",
        "References to records that are not known on the target.",
    ),
    (GaugeMetricFamily, "ucrepl_files_parked", "parked_files", "Files of attachments that could not be brought."),
)
"""What becomes a metric, its name, and the field of the status that has it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a link: its status, None where its nodes have not answered, and the durations of its batches."""

    status: LinkStatus | None
    durations: Durations

    @property
    def state(self) -> State:
        """The state as `status` names it."""
        return self.status.state if self.status else "down"

    @property
    def has_error(self) -> bool:
        """Whether something keeps the link from going on. Modules that are being installed are no error."""
        if self.status is None:
            return True
        return self.status.last_error is not None and self.status.state != "waiting"


def families(links: Mapping[str, Seen]) -> Iterator[Metric]:
    """All metrics of these links. A number that is not known has no sample."""
    yield InfoMetricFamily("ucrepl", "The version of the daemon.", {"version": __version__})
    states = GaugeMetricFamily("ucrepl_link_state", "1 for the state that the link is in.", labels=["link", "state"])
    errors = GaugeMetricFamily("ucrepl_link_error", "1 while something keeps the link from going on.", labels=["link"])
    skipped = CounterMetricFamily("ucrepl_skipped", "Changes left out by a rule.", labels=["link", "rule"])
    batches = HistogramMetricFamily("ucrepl_batch_seconds", "How long batches took.", labels=["link"])
    for name, seen in links.items():
        for state in get_args(State):
            states.add_metric([name, state], state == seen.state)
        errors.add_metric([name], seen.has_error)
        for rule, rows in seen.status.skipped_by_rule.items() if seen.status else ():
            skipped.add_metric([name, rule], rows)
        totals = accumulate(seen.durations.counts())
        buckets = zip((*map(str, BOUNDS), "+Inf"), totals, strict=True)
        batches.add_metric([name], list(buckets), seen.durations.total)
    yield from (states, errors, skipped, batches)
    for kind, metric, field, text in _NUMBERS:
        family = kind(metric, text, labels=["link"])
        for name, seen in links.items():
            if (value := getattr(seen.status, field, None)) is not None:
                family.add_metric([name], value)
        yield family
