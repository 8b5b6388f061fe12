"""Records that modules of Odoo bring along: each node has them from its own modules.

They are found on the target by their external ids, and never made or deleted there. What is changed of them follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ucrepl.plan.text import literal

FOUND_ONLY = 1 << 29
"""Added to the number of a table: the row is sent to be found, not to be made. Above the numbers of all tables."""

OF_USERS = ("", "__import__", "__export__", "__custom__", "studio_customization")
"""The modules in external ids that are none: users have made these records."""


@dataclass(frozen=True, slots=True)
class Brought:
    """The rule that leaves it to modules to make records, and the models of these."""

    rule: str
    models: Sequence[str]

    def condition(self, record: str) -> str:
        """The condition that the record with the id `record` bears an external id of a module."""
        models, others = (", ".join(map(literal, texts)) for texts in (self.models, OF_USERS))
        return (
            "EXISTS (SELECT FROM ONLY public.ir_model_data AS named"
            f" WHERE named.model IN ({models}) AND named.res_id = {record}"
            f" AND coalesce(named.module, '') NOT IN ({others}))"
        )
