"""Packs of users: what they say of caches goes before what ours say, and must be something that is known."""

from pathlib import Path

import pytest

from ucrepl.config import InvalidConfigError
from ucrepl.packs import load_packs


def written(directory: Path, text: str) -> Path:
    path = directory / "own.yaml"
    path.write_text(text)
    return path


def test_caches_of_own_tables(tmp_path: Path) -> None:
    packs = load_packs((written(tmp_path, "caches: {our_rates: [default], res_users: []}"),))
    assert packs.caches["our_rates"] == ["default"]
    assert packs.caches["res_users"] == []
    assert packs.caches["res_company"] == ["default", "assets"]


def test_a_cache_of_its_own_needs_signals(tmp_path: Path) -> None:
    path = written(tmp_path, "caches:\n  our_rates: [rates]\nsignals:\n  rates: [orm_signaling_rates]\n")
    assert load_packs((path,)).signals["rates"] == ["orm_signaling_rates"]


def test_a_cache_that_no_pack_knows(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError) as refused:
        load_packs((written(tmp_path, "caches:\n  our_rates: [defualt]\n"),))
    [problem] = refused.value.problems
    assert (problem.line, problem.key_path) == (2, "caches.our_rates[0]")
    assert problem.message == "no pack has signals for the cache 'defualt'"
    assert problem.hint == "did you mean 'default'?"


def test_names_of_fields_need_the_column_that_tells_which(tmp_path: Path) -> None:
    rule = "{kind: by_model, model_from: model_id.model, fields: {on_stage_set: [stage_id]}}"
    with pytest.raises(InvalidConfigError, match="'fields' has no effect without the name of a column after a colon"):
        load_packs((written(tmp_path, f"references:\n  our_rule:\n    record: {rule}\n"),))
