"""Draining a backlog, beside PostgreSQL's own logical replication of the same writes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench import odoo
from tests.bench.arrival import Drained
from tests.bench.figures import Figure, Report
from tests.bench.measure import median_ratio
from tests.bench.native import Native
from tests.bench.ours import Ours, OursAsCluster
from tests.bench.servers import Sites
from tests.bench.workload import (
    TRANSACTION_ROWS,
    Write,
    add_local_partners,
    insert_partners,
    update_differently,
    update_partners,
)
from ucrepl.cli.output import talk

MUST_BE = 0.8
DATABASE = "drain"


@dataclass(frozen=True)
class Task:
    """Backlogs that are written and drained one after the other in a fresh copy of a template.

    `backlogs`: name, rows, what writes them. `prepare`: makes the ids of the target differ. `tables`: what PostgreSQL's
    own replication publishes, all if none are named.
    """

    name: str
    template: str
    backlogs: Sequence[tuple[str, int, Write]]
    prepare: Callable[[Sites, str, str], None]
    tables: Sequence[str] = ()
    bounded: bool = True
    ours: type[Ours] = Ours


@dataclass
class _Found:
    native: list[Drained] = field(default_factory=list)
    ucrepl: list[Drained] = field(default_factory=list)


def run(sites: Sites, *, quick: bool) -> Report:
    """Both contestants in turn, each in fresh databases, in rounds that begin with the one and with the other."""
    report = Report("drain")
    rows, rounds = (5_000, 1) if quick else (50_000, 3)
    for task in _tasks(sites, report, rows, quick=quick):
        found: dict[str, _Found] = {name: _Found() for name, _, _ in task.backlogs}
        for number in range(rounds):
            for contestant in (Native, task.ours) if number % 2 == 0 else (task.ours, Native):
                for name, drained in _play(sites, task, contestant).items():
                    getattr(found[name], contestant.name).append(drained)
        for name, backlog_rows, _ in task.backlogs:
            _tell(report, task, name, backlog_rows, found[name])
    report.remarks.append(
        f"a backlog is written in transactions of {TRANSACTION_ROWS} rows (as Odoo's are on the average), or in one;"
        " ratio: rows a second of ucrepl (ids remapped, foreign keys checked) to those of PostgreSQL's own logical"
        " replication (no remapping, foreign keys not checked), the median of the rounds; cpu: of the process on the"
        " target that writes the rows"
    )
    return report


def _tasks(sites: Sites, report: Report, rows: int, *, quick: bool) -> list[Task]:
    partners = [
        ("insert", rows, insert_partners(rows)),
        ("update", rows, update_partners(rows)),
        ("update of differing columns", rows, update_differently(rows)),
    ]
    at_once = [
        ("insert in one transaction", rows, insert_partners(rows, each=rows)),
        ("update in one transaction", rows, update_partners(rows, each=rows)),
    ]
    sites.make_partner_template()
    tables = ["res_partner", "bench_marker"]
    tasks = [Task("drain", "template_partner", partners, add_local_partners, tables)]
    if not quick:
        tasks.append(Task("drain", "template_partner", at_once, add_local_partners, tables, bounded=False))
    if reason := odoo.missing():
        report.remarks.append(f"without Odoo databases: {reason}")
        return tasks
    odoo.restore(sites)
    writes = [
        ("insert", rows, odoo.insert_partners(rows)),
        ("update", rows, update_partners(rows)),
    ]
    tasks.append(Task("drain odoo 18", odoo.DATABASE, writes, odoo.move_apart, tables, ours=OursAsCluster))
    office = [("workload", odoo.WORKLOAD_CHANGES, odoo.office())]
    tasks.append(Task("drain odoo 18", odoo.DATABASE, office, odoo.move_apart, bounded=False, ours=OursAsCluster))
    report.remarks.append(
        "`odoo 18`: with all packs and the policy `cluster`; the others in a database that is no Odoo: no pack applies"
    )
    report.remarks.append(
        "the office's traffic fits into one batch of about fifty tables: most of its time goes into planning statements"
        " that are used once, and no bound is set for it"
    )
    return tasks


def _play(sites: Sites, task: Task, contestant: type[Native] | type[Ours]) -> dict[str, Drained]:
    sites.create(DATABASE, task.template)
    found = {}
    with contestant.set_up(sites, DATABASE, task.tables) as player:
        task.prepare(sites, DATABASE, contestant.name)
        for name, rows, write in task.backlogs:
            found[name] = drained = player.drain(write)
            talk(f"  {task.name}, {name}, {contestant.name}: {rows / drained.seconds:,.0f} rows/s")
    sites.drop(DATABASE)
    return found


def _tell(report: Report, task: Task, name: str, rows: int, found: _Found) -> None:
    for contestant in ("native", "ucrepl"):
        drained: list[Drained] = getattr(found, contestant)
        seconds = median(d.seconds for d in drained)
        report.rows.append(
            {
                "backlog": f"{task.name.removeprefix('drain').strip()} {name}".strip(),
                "rows": rows,
                "by": contestant,
                "seconds": round(seconds, 3),
                "rows/s": round(rows / seconds),
                "cpu": round(median(d.cpu_seconds for d in drained), 2),
            }
        )
    ratio = median_ratio([(n.seconds, u.seconds) for n, u in zip(found.native, found.ucrepl, strict=True)])
    report.tell(Figure(f"{task.name} {name} ratio", ratio, at_least=MUST_BE if task.bounded else None))
    if all(d.cpu_seconds for d in (*found.native, *found.ucrepl)):
        pairs = [(n.cpu_seconds, u.cpu_seconds) for n, u in zip(found.native, found.ucrepl, strict=True)]
        report.tell(Figure(f"{task.name} {name} ratio by processor time of the target's session", median_ratio(pairs)))
