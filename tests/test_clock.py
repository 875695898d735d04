"""The time, and names that nobody can guess."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.clock import SystemClock
from outlast.testing import FakeClock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, and sorted as ASCII is."""

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = st.timedeltas(timedelta(), timedelta(days=365 * 5000)).map(lambda age: FIRST + age)


def number(text: str) -> int:
    """What the text stands for, worked out digit by digit."""
    value = 0
    for digit in text:
        value = value * 32 + ALPHABET.index(digit)
    return value


def test_now_is_utc_in_whole_milliseconds() -> None:
    """The clock tells UTC, near the system's own, cut to milliseconds."""
    for _ in range(50):
        before = datetime.now(UTC)
        now = SystemClock().now()

        assert (UTC, 0) == (now.tzinfo, now.microsecond % 1000)
        assert -timedelta(milliseconds=1) < now - before < timedelta(seconds=5)


def test_the_monotonic_clock_never_goes_back() -> None:
    """Spans are measured on the kernel's own monotonic clock, whatever the time of day does."""
    before, told, after = time.monotonic(), SystemClock().monotonic(), time.monotonic()

    assert before <= told <= after


def test_an_id_is_26_characters_that_nobody_mistakes() -> None:
    """An id is `job_` and 26 characters of Crockford's base 32."""
    assert re.fullmatch(rf"job_[{ALPHABET}]{{26}}", SystemClock().new_job_id(FIRST))


@given(TIMES)
def test_an_id_tells_its_millisecond(at: datetime) -> None:
    """The first ten characters are the milliseconds since 1970, none lost to rounding."""
    expected = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    assert expected == number(SystemClock().new_job_id(at)[4:14])


@given(st.lists(st.integers(0, 10**12), min_size=2, unique=True))
def test_ids_sort_by_time(milliseconds: list[int]) -> None:
    """Ids of later milliseconds sort behind those of earlier ones, as text."""
    clock = SystemClock()
    ids = [clock.new_job_id(FIRST + timedelta(milliseconds=each)) for each in sorted(milliseconds)]

    assert ids == sorted(ids)


def test_an_id_has_80_random_bits() -> None:
    """Of many ids of one millisecond none is alike, and each of the 80 bits is seen both ways."""
    clock = SystemClock()
    tails = [number(clock.new_job_id(FIRST)[14:]) for _ in range(200)]
    ones, zeros = 0, 0
    for tail in tails:
        ones |= tail
        zeros |= ~tail

    assert len(tails) == len(set(tails))
    assert (1 << 80) - 1 == ones == zeros & ((1 << 80) - 1)


def test_a_token_is_safe_in_a_path() -> None:
    """A token is 16 characters of Crockford's base 32: 80 random bits."""
    tokens = [SystemClock().new_token() for _ in range(100)]

    assert all(re.fullmatch(rf"[{ALPHABET}]{{16}}", token) for token in tokens)
    assert len(tokens) == len(set(tokens))


def test_randomness_is_spelt_without_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """All 80 bits reach the token: the smallest and the largest number come out as they are."""
    for filler, expected in ((b"\x00", "0" * 16), (b"\xff", "Z" * 16)):
        monkeypatch.setattr("os.urandom", lambda size, filler=filler: filler * size)
        assert expected == SystemClock().new_token()


def test_a_clock_that_is_driven_calls_on_its_way() -> None:
    """What is due is called in order, each at its own time; what comes of a call is called too."""
    clock = FakeClock()
    second = timedelta(seconds=1)
    called: list[tuple[str, timedelta]] = []

    def note(name: str) -> None:
        called.append((name, clock.now() - FIRST))

    clock.call_later(3 * second, lambda: note("third"))
    clock.call_later(second, lambda: clock.call_later(second, lambda: note("second")))
    clock.call_later(second, lambda: note("first"))
    clock.call_later(9 * second, lambda: note("not yet"))
    clock.jump(-second)
    clock.advance(5 * second)

    expected = [("first", 0 * second), ("second", second), ("third", 2 * second)]
    assert (expected, 5.0) == (called, clock.monotonic())
