"""All references of all rows of an Odoo database, of every kind: found, compared through the map, and made.

It witnesses for the program and shares no code with it: of the program it knows the view `ucrepl.identity_map` alone.
"""

from tests.support.references.check import Findings, check
from tests.support.references.generate import add_plan_columns, generate, make_plan
from tests.support.references.kinds import ABSENT, Kind
from tests.support.references.raw import Apart, greatest_ids, move_ids

__all__ = [
    "ABSENT",
    "Apart",
    "Findings",
    "Kind",
    "add_plan_columns",
    "check",
    "generate",
    "greatest_ids",
    "make_plan",
    "move_ids",
]
