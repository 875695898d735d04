"""How often is too often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outlast.core.rate import Buckets


def test_a_bucket_fills_again() -> None:
    """A burst at once, then as many as come in; who waits as long as told gets one."""
    buckets = Buckets(2, 3)

    assert [0, 0, 0, 0.5, 0.5] == [buckets.take("a", 0) for _ in range(5)]
    assert [0, 0.5] == [buckets.take("a", 0.5) for _ in range(2)]
    assert [0, 0, 0, 0.5] == [buckets.take("a", 100) for _ in range(4)]
    assert 0 == buckets.take("b", 100)


def test_so_many_are_remembered() -> None:
    """Whoever was seen longest ago is forgotten first."""
    buckets = Buckets(1, 1, most=2)

    assert [0, 0, 1, 0] == [buckets.take(key, 0) for key in ("a", "b", "b", "c")]
    assert [1, 0] == [buckets.take(key, 0) for key in ("c", "a")]


@given(st.lists(st.floats(0, 1), max_size=100))
def test_nobody_gets_more_than_their_share(waits: list[float]) -> None:
    """Whenever they ask: a burst, and then so many a second."""
    buckets, now, taken = Buckets(5, 2), 0.0, 0
    for wait in waits:
        now += wait
        taken += buckets.take("a", now) == 0

    assert taken <= 2 + 5 * now + 1e-6
