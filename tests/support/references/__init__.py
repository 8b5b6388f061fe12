"""All references of all rows of an Odoo database, of every kind: found, compared through the map, and made.

It witnesses for the program and shares no code with it: of the program it knows the view `ucrepl.identity_map` alone.
"""

from tests.support.references.check import Apart, Findings, Wrong, check
from tests.support.references.generate import add_plan_columns, generate
from tests.support.references.kinds import Kind

__all__ = ["Apart", "Findings", "Kind", "Wrong", "add_plan_columns", "check", "generate"]
