"""What is known of Odoo, as YAML files beside this one; used where Odoo's tables are there."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Packs:
    """The knowledge of all packs.

    `keys`: table -> recognition keys, the best first. `external_ids`: the table of external ids.
    `models`: model -> table, where it is not the model's name with underscores.
    `by_model_name`: table -> {column with an id: column with the name of the model}.
    """

    keys: dict[str, list[list[str]]]
    external_ids: str
    models: dict[str, str]
    by_model_name: dict[str, dict[str, str]]

    def table_of(self, model: str) -> str:
        """The table in which the records of a model are."""
        return self.models.get(model, model.replace(".", "_"))


@cache
def load_packs() -> Packs:
    """The packs that come with the program."""
    keys, references = _load("keys.yaml"), _load("references.yaml")
    return Packs(keys["keys"], keys["external_ids"], references["models"], references["by_model_name"])


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((files(__package__) / name).read_text())
    return loaded
