"""Which ids each node hands out, and which slot a node gets."""

from datetime import UTC, datetime

import pytest

from ucrepl.errors import UsageError
from ucrepl.link.ids.sequences import ALL_IDS, Count, Slot
from ucrepl.link.ids.share import allot


def taken(slot: int, slots: int, day: int = 1) -> Slot:
    return Slot(slot, slots, datetime(2026, 1, day, tzinfo=UTC))


def slots(given: dict[str, Slot]) -> dict[str, tuple[int, int]]:
    return {name: (slot.slot, slot.slots) for name, slot in given.items()}


@pytest.mark.parametrize("number", range(9))
def test_the_first_id_above_a_number(number: int) -> None:
    for slot in range(4):
        first = Slot(slot, 4).first_above(number)
        assert number < first <= number + 4
        assert first % 4 == slot
    assert ALL_IDS.first_above(number) == number + 1


@pytest.mark.parametrize(
    ("increment", "last_value", "fits"),
    [(4, 6, True), (4, 7, False), (1, 6, False), (4, None, False), (8, 6, False)],
)
def test_what_keeps_to_a_slot(increment: int, last_value: int | None, *, fits: bool) -> None:
    assert Count("s", increment, last_value).fits(Slot(2, 4)) is fits


def test_without_a_slot_only_the_step_counts() -> None:
    assert Count("s", 1, None).fits(ALL_IDS)
    assert not Count("s", 4, 8).fits(ALL_IDS)


def test_new_nodes_get_free_slots() -> None:
    assert slots(allot({"b": None, "a": None})) == {"a": (0, 4), "b": (1, 4)}
    assert slots(allot({"b": taken(0, 4), "a": None, "c": taken(2, 4)})) == {"a": (1, 4), "b": (0, 4), "c": (2, 4)}


def test_where_there_is_none_there_will_be_twice_as_many() -> None:
    assert slots(allot({"a": taken(0, 2), "b": taken(1, 2), "c": None})) == {"a": (0, 4), "b": (1, 4), "c": (2, 4)}


def test_other_slots_are_asked_for() -> None:
    assert slots(allot({"a": taken(3, 4), "b": taken(1, 4)}, 2)) == {"a": (0, 2), "b": (1, 2)}
    with pytest.raises(UsageError, match="1 slots are too few for 2 nodes"):
        allot({"a": None, "b": None}, 1)


def test_of_two_with_the_same_slot_the_older_one_keeps_it() -> None:
    assert slots(allot({"a": taken(0, 4, day=2), "b": taken(0, 4, day=1)})) == {"a": (1, 4), "b": (0, 4)}
