"""Two clones of an Odoo that number documents at once: kept apart by steps, by prefixes, and by owners."""

import json
from pathlib import Path

import psycopg
import pytest
import yaml

from tests.support.cli import ucrepl
from tests.support.databases import MakeDatabase
from tests.support.dump import schema_dump
from tests.support.numbering import Writer, was_refused
from tests.support.pair import Pair, value
from ucrepl.errors import Exit

FORTH = "turin->milan"
ROW = {"implementation": "standard", "number_next": 1, "number_increment": 1, "padding": 5}
STANDARD = "SELECT id FROM ir_sequence WHERE implementation = 'standard' ORDER BY id"
ROWS = "SELECT array_agg((id, number_increment, prefix)::text ORDER BY id) FROM ir_sequence"
COPY_OF_A_POSTED_ONE = """
    INSERT INTO account_move
    SELECT (jsonb_populate_record(m, jsonb_build_object('id', nextval('account_move_id_seq'), 'name', 'INV/99/1'))).*
    FROM account_move AS m
    WHERE id = (SELECT min(id) FROM account_move WHERE state = 'posted' AND move_type = 'out_invoice')
"""
DRAFT = "SELECT max(id) FROM account_move WHERE state = 'draft' AND journal_id IS NOT NULL"


def configure(pair: Pair, **numbers: object) -> None:
    document = yaml.safe_load(pair.config.read_text())
    pair.config.write_text(yaml.safe_dump({**document, "numbers": numbers}))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("template", "way"),
    [
        pytest.param("odoo14", "prefix", marks=pytest.mark.xdist_group("odoo14")),
        pytest.param("odoo18", "interleave", marks=pytest.mark.xdist_group("odoo18")),
    ],
)
def test_two_writers_never_give_one_number(template: str, way: str, database: MakeDatabase, tmp_path: Path) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template))
    configure(pair, prefixes={"turin": "T-", "milan": "M-"}, owners=[{"table": "account_journal", "owner": "turin"}])
    before = schema_dump(pair.turin)
    pair.run("install")
    pair.run("seed", "--same-ids")
    rows = value(pair.turin, ROWS)
    pair.run("numbers", way, FORTH)
    with psycopg.connect(pair.turin, autocommit=True) as turin, psycopg.connect(pair.milan, autocommit=True) as milan:
        ours, theirs = Writer(turin), Writer(milan)
        for (sequence,) in turin.execute(STANDARD).fetchall():
            drawn = [writer.draw(sequence) for _ in range(5) for writer in (ours, theirs)]
            assert len(set(drawn)) == len(drawn), drawn
        made = [ours.make_sequence("New", prefix="N", draw=1, **ROW) for _ in range(3)]
        pair.drain_all()
        for sequence in made:
            [there] = milan.execute(
                "SELECT local_id FROM ucrepl.identity_map WHERE table_name = 'ir_sequence' AND remote_id = %s",
                [sequence],
            ).fetchone() or [0]
            drawn = [writer.draw(number) for _ in range(3) for writer, number in ((ours, sequence), (theirs, there))]
            assert len(set(drawn)) == len(drawn), drawn

        draft = value(pair.milan, DRAFT)
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation) as refused:
            theirs.post(draft, "BILL/2026/99/0001")
        assert "are posted on 'turin' only" in was_refused(refused.value)
        ours.post(draft, "BILL/2026/99/0001")
        pair.drain_all()
        assert value(pair.milan, "SELECT name FROM account_move WHERE id = %s", draft) == "BILL/2026/99/0001"
        milan.execute("DELETE FROM ir_sequence WHERE name = 'New'")
    pair.drain_all()
    pair.run("numbers", "undo", FORTH)
    assert value(pair.turin, ROWS) == rows
    pair.run("uninstall")
    assert schema_dump(pair.turin) == before


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "template",
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("odoo14", "odoo18")],
)
def test_a_number_that_both_have_given_is_parked(template: str, database: MakeDatabase, tmp_path: Path) -> None:
    pair = Pair.linked(tmp_path, database(template), database(template))
    pair.run("install")
    pair.run("seed", "--same-ids")
    for dsn in (pair.turin, pair.milan):
        with psycopg.connect(dsn) as connection:
            connection.execute(COPY_OF_A_POSTED_ONE)
    assert ucrepl("run", "--drain", config=pair.config, check=False).returncode == Exit.PARKED
    parked = json.loads(pair.run("parked", "list", "--json"))["parked"]
    assert [(p["table"], p["reason"]) for p in parked] == [("account_move", "number")] * 2
    for dsn in (pair.turin, pair.milan):
        assert value(dsn, "SELECT count(*) FROM account_move WHERE name = 'INV/99/1'") == 1
