"""Whatever two nodes do to totals, in whatever batches they read it and how often one is killed: it adds up on both."""

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.links import BACK, FORTH, MakePair, Pair
from tests.integration.test_totals import SUMS, made
from ucrepl.link.applied import Applied

if TYPE_CHECKING:
    from collections.abc import Callable
PRODUCTS, PLACES, LOTS = ("apple",), ("shelf", None), ("A", None)
COMBINATION = st.tuples(st.sampled_from(PRODUCTS), st.sampled_from(PLACES), st.sampled_from(LOTS))
AMOUNT = st.integers(-3, 5)
STEP = st.one_of(
    st.tuples(st.just("add"), COMBINATION, AMOUNT, AMOUNT),
    st.tuples(st.just("add"), COMBINATION, AMOUNT, AMOUNT),
    st.tuples(st.just("insert"), COMBINATION, AMOUNT, AMOUNT),
    st.tuples(st.just("move"), COMBINATION, COMBINATION),
    st.tuples(st.just("merge")),
    st.tuples(st.just("drop zeros")),
    st.tuples(st.just("delete"), COMBINATION),
)
TRANSACTION = st.tuples(st.sampled_from(["turin", "milan"]), st.lists(STEP, min_size=1, max_size=4))
EVENT = st.one_of(
    TRANSACTION,
    TRANSACTION,
    st.tuples(st.just("step"), st.sampled_from([FORTH, BACK])),
    st.tuples(st.just("die"), st.sampled_from([FORTH, BACK])),
)
ROW: Final = """
    product_id = (SELECT id FROM product WHERE name = %(product)s)
    AND place_id IS NOT DISTINCT FROM (SELECT id FROM place WHERE name = %(place)s) AND lot IS NOT DISTINCT FROM %(lot)s
"""
ADD: Final = f"""
    UPDATE stock SET quantity = quantity + %(quantity)s, reserved = reserved + %(reserved)s
    WHERE id = (SELECT max(id) FROM stock WHERE {ROW})
"""
INSERT: Final = """
    INSERT INTO stock (product_id, place_id, lot, quantity, reserved)
    SELECT p.id, (SELECT id FROM place WHERE name = %(place)s), %(lot)s, %(quantity)s, %(reserved)s
    FROM product AS p WHERE p.name = %(product)s
"""
MOVE: Final = f"""
    UPDATE stock AS s
    SET product_id = p.id, place_id = (SELECT id FROM place WHERE name = %(to_place)s), lot = %(to_lot)s
    FROM product AS p
    WHERE p.name = %(to_product)s AND s.id = (SELECT min(id) FROM stock WHERE {ROW})
    RETURNING s.quantity, s.reserved
"""
MERGE: Final = """
    WITH twice AS (
        SELECT min(id) AS kept, array_agg(id) AS ids, sum(quantity) AS quantity, sum(reserved) AS reserved
        FROM stock GROUP BY product_id, place_id, lot HAVING count(*) > 1
    ),
    merged AS (
        UPDATE stock AS s SET quantity = t.quantity, reserved = t.reserved FROM twice AS t WHERE s.id = t.kept
    )
    DELETE FROM stock AS s USING twice AS t WHERE s.id = ANY (t.ids) AND s.id <> t.kept
"""
Sums = Counter[tuple[str, str | None, str | None, str]]


def parameters(combination: tuple[str, str | None, str | None], prefix: str = "") -> dict[str, object]:
    return dict(zip((f"{prefix}product", f"{prefix}place", f"{prefix}lot"), combination, strict=True))


def note(model: Sums, combination: tuple[str, str | None, str | None], quantity: float, reserved: float) -> None:
    model[*combination, "quantity"] += int(quantity)
    model[*combination, "reserved"] += int(reserved)


def do(connection: psycopg.Connection[tuple[Any, ...]], step: tuple[Any, ...], model: Sums) -> None:
    """One step of a transaction, in the database and in the model."""
    match step:
        case "add", combination, quantity, reserved:
            values = {**parameters(combination), "quantity": quantity, "reserved": reserved}
            if connection.execute(ADD, values).rowcount:
                note(model, combination, quantity, reserved)
        case "insert", combination, quantity, reserved:
            values = {**parameters(combination), "quantity": quantity, "reserved": reserved}
            connection.execute(INSERT, values)
            note(model, combination, quantity, reserved)
        case "move", combination, other:
            for quantity, reserved in connection.execute(
                MOVE,
                {**parameters(combination), **parameters(other, "to_")},
            ).fetchall():
                note(model, combination, -quantity, -reserved)
                note(model, other, quantity, reserved)
        case ("merge",):
            connection.execute(MERGE)
        case ("drop zeros",):
            connection.execute("DELETE FROM stock WHERE quantity = 0 AND reserved = 0")
        case "delete", combination:
            for quantity, reserved in connection.execute(
                f"DELETE FROM stock WHERE {ROW} RETURNING quantity, reserved".encode(),
                parameters(combination),
            ).fetchall():
                note(model, combination, -quantity, -reserved)


def die(pair: Pair, direction: int) -> None:
    """Replays a batch, and loses the connection just before it is committed."""
    replayer = pair.replayer(direction)
    position, _ = replayer.position()
    window = replayer.window(position)
    if not window.is_empty:
        pid = replayer.target.info.backend_pid
        apply: Callable[..., Applied] = replayer.applier.apply

        def then_die(**options: bool) -> Applied:
            applied = apply(**options)
            pair.side(pair.config.links[direction].target).run("SELECT pg_terminate_backend(%s)", pid)
            return applied

        replayer.applier.apply = then_die  # type: ignore[assignment,method-assign]
        with suppress(psycopg.Error):
            replayer.replay(position, window)
    pair.close_links()


@pytest.mark.slow
@pytest.mark.parametrize("examples", [15, pytest.param(120, marks=pytest.mark.long)])
def test_two_nodes_add_up(make_pair: MakePair, examples: int) -> None:
    pair, model = made(make_pair), Sums()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 100,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(st.lists(EVENT, min_size=5, max_size=25))
    def example(events: list[tuple[Any, ...]]) -> None:
        for event in events:
            match event:
                case "step", direction:
                    pair.step(direction)
                case "die", direction:
                    die(pair, direction)
                case name, steps:
                    with psycopg.connect(pair.side(str(name)).dsn) as connection:
                        for step in steps:
                            do(connection, step, model)
        pair.settle()
        assert pair.a.parked() == pair.b.parked() == []
        for side in (pair.a, pair.b):
            found = {}
            for *combination, quantity, reserved in side.rows(SUMS):
                found[*combination, "quantity"] = quantity
                found[*combination, "reserved"] = reserved
            assert {key: n for key, n in found.items() if n} == {key: n for key, n in model.items() if n}

    example()
