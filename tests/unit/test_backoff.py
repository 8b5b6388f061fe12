"""The delays between attempts."""

import pytest

from ucrepl.backoff import Backoff


def test_ceilings_grow_up_to_the_cap() -> None:
    backoff = Backoff(base=1, cap=10, factor=3, draw=lambda: 1.0)
    assert [backoff.next_delay() for _ in range(5)] == [1, 3, 9, 10, 10]
    assert backoff.failures == 5


def test_the_jitter_is_full() -> None:
    draws = iter((0.0, 0.5, 0.25))
    backoff = Backoff(base=1, cap=100, draw=lambda: next(draws))
    assert [backoff.next_delay() for _ in range(3)] == [0, 1, 1]


def test_a_success_starts_anew() -> None:
    backoff = Backoff(base=1, cap=100, draw=lambda: 1.0)
    for _ in range(4):
        backoff.next_delay()
    backoff.reset()
    assert backoff.failures == 0
    assert backoff.next_delay() == 1


def test_a_peer_that_is_away_for_ever_overflows_nothing() -> None:
    backoff = Backoff()
    delays = [backoff.next_delay() for _ in range(5000)]
    assert all(0 <= delay <= 30 for delay in delays)
    assert len(set(delays)) > 4000, "two daemons must not come back in step"


@pytest.mark.parametrize("options", [{"base": 0}, {"base": 2, "cap": 1}, {"factor": 0.5}])
def test_senseless_settings_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="back-off needs"):
        Backoff(**options)  # type: ignore[arg-type]
