"""The line of the log about a batch."""

import structlog

from ucrepl.link.applied import Applied
from ucrepl.link.replay import Batch

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


def tell(batch: Batch) -> None:
    """Log what a batch did: numbers of changes and files, bytes read, milliseconds of each step."""
    log.info(
        "batch",
        rows=batch.applied,
        skipped=batch.skipped,
        parked=batch.parked,
        held=batch.held,
        conflicts=batch.conflicts,
        signals=batch.signals,
        bytes=batch.bytes,
        files=batch.files,
        finer=batch.finer,
        milliseconds=batch.milliseconds,
    )
    if batch.files_parked:
        log.warning(
            "files parked: their attachments are there without content",
            files=len(batch.files_parked),
            why=next(iter(batch.files_parked.values())),
            hint="run: ucrepl filestore parked",
        )


def tell_released(released: Applied) -> None:
    """Log what became of held changes that have a place by now."""
    log.info("held changes applied", rows=released.changes, parked=released.parked, conflicts=released.conflicts)
