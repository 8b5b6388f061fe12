"""Times, processor times and medians."""

import os
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from statistics import median

_OWN, _CHILDREN = slice(11, 13), slice(13, 15)  # user and system time in /proc/PID/stat, after the command's name


def cpu_seconds(pid: int) -> float:
    """The processor time that a process on this machine has used; 0 where the system doesn't tell."""
    return _ticks(pid, _OWN) / os.sysconf("SC_CLK_TCK")


def ended_cpu_seconds(pid: int) -> float:
    """The processor time of the children of a process that have ended: of a PostgreSQL server's past sessions."""
    return _ticks(pid, _CHILDREN) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int, which: slice) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[which]))


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has had at a time (VmHWM), in MB of 1,000,000 bytes; 0 where it is not told."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    kilobytes = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), "0")
    return int(kilobytes) * 1024 / 1e6


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent of the values are (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(1, ceil(len(ordered) * percent / 100)) - 1]


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The median of the ratios of pairs that were taken one after the other."""
    return median(above / below for above, below in pairs)
