"""Batches are written in the order in which they came, by whichever worker; after a failure none is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from ucrepl.link.seed.stream import Rows
from ucrepl.link.seed.turns import AbandonedError, Turns

WORKERS = 3


def work(turns: Turns, write: Callable[[int], None]) -> None:
    try:
        while taken := turns.take():
            turns.wait(taken[0])
            write(taken[0])
            turns.done()
    except BaseException:
        turns.fail()
        raise


def test_batches_are_written_in_their_order() -> None:
    turns = Turns(iter([Rows([])] * 500))
    written: list[int] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for worker in [pool.submit(work, turns, written.append) for _ in range(WORKERS)]:
            worker.result(10)
    assert written == list(range(500))


def test_after_a_failure_nothing_more_is_written() -> None:
    turns = Turns(iter([Rows([])] * 500))
    written: list[int] = []
    all_have_one = Barrier(WORKERS)

    def write(number: int) -> None:
        if number == 0:
            message = "disk full"
            raise OSError(message)
        written.append(number)

    def staged(turns: Turns) -> None:
        taken = turns.take()
        assert taken
        all_have_one.wait(10)
        try:
            turns.wait(taken[0])
            write(taken[0])
        except BaseException:
            turns.fail()
            raise

    with ThreadPoolExecutor(WORKERS) as pool:
        workers = [pool.submit(staged, turns) for _ in range(WORKERS)]
    errors = sorted(type(worker.exception()).__name__ for worker in workers)
    assert errors == [AbandonedError.__name__] * (WORKERS - 1) + ["OSError"]
    assert written == []
    with pytest.raises(AbandonedError):
        turns.wait(1)
