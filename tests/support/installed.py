"""Which `ucrepl` the tests run with: the installed one, also when Python was started in the checkout."""

import sys
from importlib.machinery import PathFinder
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def prefer_installed() -> None:
    """Take the checkout, which `python -m pytest` adds, from the import path if `ucrepl` is somewhere else too."""
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != CHECKOUT]
    found = PathFinder.find_spec("ucrepl", elsewhere)
    if found and found.origin:  # none: the folder with the SQL that an editable installation leaves
        sys.path[:] = elsewhere
