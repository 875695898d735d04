"""How durations and sizes are read and written, and how the clocks stand by default."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.core import limits
from outlast.core.limits import (
    format_duration,
    format_size,
    from_epoch_ms,
    from_ms,
    parse_duration,
    parse_size,
    poll_interval,
    to_epoch_ms,
    to_ms,
)

DURATIONS = {
    "90": 90,
    "0": 0,
    "90s": 90,
    "1.5s": 1.5,
    "250ms": 0.25,
    "5m": 300,
    "2h": 7200,
    "1h30m": 5400,
    "1h30m15s500ms": 5415.5,
    "30d": 2592000,
    "2w": 1209600,
    "3650d": 315360000,
    " 5M ": 300,
    "0.5h": 1800,
}


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items(), ids=DURATIONS)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    """People write durations as a number of seconds or with units, also several."""
    assert timedelta(seconds=seconds) == parse_duration(text)


@pytest.mark.parametrize(
    "value",
    [90, 90.0, timedelta(seconds=90)],
    ids=["a whole number", "a number", "a timedelta"],
)
def test_a_duration_need_not_be_text(value: object) -> None:
    """A library's caller gives numbers of seconds and timedeltas."""
    assert timedelta(seconds=90) == parse_duration(value)


NO_DURATIONS = {
    "nothing": ("", "is not a duration"),
    "a blank": (" ", "is not a duration"),
    "a word": ("soon", "is not a duration"),
    "a unit alone": ("s", "is not a duration"),
    "an unknown unit": ("5y", "is not a duration"),
    "a minus": ("-5s", "is not a duration"),
    "a space inside": ("5 m", "is not a duration"),
    "a comma": ("1,5s", "is not a duration"),
    "a point without a digit": ("1.s", "is not a duration"),
    "seconds without a unit behind another": ("1h30", "is not a duration"),
    "digits that are not ours": ("٣s", "is not a duration"),
    "something behind it": ("5s!", "is not a duration"),
    "true": (True, "is not a duration"),
    "a list": (["5s"], "is not a duration"),
    "bytes": (b"5s", "is not a duration"),
    "a negative number": (-0.5, "is negative"),
    "a negative timedelta": (timedelta(seconds=-1), "is negative"),
    "no number": (math.nan, "or no number"),
    "without end": (math.inf, "or no number"),
    "a number beyond any clock": (10**400, "or no number"),
    "over ten years": ("3651d", "is longer than 3650 days"),
    "over ten years, as a timedelta": (timedelta(days=3651), "is longer than 3650 days"),
    "400 digits": ("9" * 400, "is longer than 3650 days"),
    "400 digits of weeks": ("9" * 300 + "w", "is longer than 3650 days"),
}


@pytest.mark.parametrize(("value", "fault"), NO_DURATIONS.values(), ids=NO_DURATIONS)
def test_what_is_no_duration_is_refused(value: object, fault: str) -> None:
    """The message shows what was given, in short, and says what would be right."""
    with pytest.raises(ValueError, match=fault) as refused:
        parse_duration(value)

    assert len(str(refused.value)) < 200


SIZES = {
    "0": 0,
    "1048576": 1048576,
    "512k": 524288,
    "512KB": 524288,
    "1g": 1 << 30,
    "1.5GiB": 3 << 29,
    "2 m": 2 << 20,
    "1t": 1 << 40,
    " 7b ": 7,
    "0.1k": 102,
}


@pytest.mark.parametrize(("text", "size"), SIZES.items(), ids=SIZES)
def test_a_size_is_read(text: str, size: int) -> None:
    """People write sizes in bytes or with units, which are powers of 1024."""
    assert size == parse_size(text)


@pytest.mark.parametrize("size", [0, 7, (1 << 63) - 1])
def test_a_size_need_not_be_text(size: int) -> None:
    """JSON gives whole numbers of bytes, up to what 64 bits hold."""
    assert size == parse_size(size)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0"), (1, "1"), (1025, "1025"), (1536, "1536"), (3 << 29, "1536m"), (2 << 40, "2t")],
)
def test_a_size_is_written_exactly(size: int, text: str) -> None:
    """In the largest unit that it is whole in, and as it is read."""
    assert (text, size) == (format_size(size), parse_size(text))


NO_SIZES = {
    "nothing": ("", "is not a size"),
    "a word": ("much", "is not a size"),
    "a minus": ("-1k", "is not a size"),
    "an unknown unit": ("1p", "is not a size"),
    "something behind it": ("1k!", "is not a size"),
    "true": (True, "is not a size"),
    "a number with a fraction": (1.5, "is not a size"),
    "a fraction without a unit": ("1.5", "no whole number of bytes"),
    "a list": ([1], "is not a size"),
    "a negative number": (-1, "is negative"),
    "beyond 64 bits": (1 << 63, "is more than 9,223,372,036,854,775,807 bytes"),
    "400 digits": ("9" * 400, "is more than"),
    "400 digits of terabytes": ("9" * 400 + "t", "is more than"),
}


@pytest.mark.parametrize(("value", "fault"), NO_SIZES.values(), ids=NO_SIZES)
def test_what_is_no_size_is_refused(value: object, fault: str) -> None:
    """The message shows what was given, in short, and says what would be right."""
    with pytest.raises(ValueError, match=fault) as refused:
        parse_size(value)

    assert len(str(refused.value)) < 200


@given(st.text() | st.integers() | st.floats() | st.none() | st.binary())
def test_reading_refuses_in_one_way_only(value: object) -> None:
    """Whatever is given, it is read or refused with a ValueError; nothing else comes out."""
    for read, least in ((parse_duration, timedelta()), (parse_size, 0)):
        try:
            assert least <= read(value)  # type: ignore[operator]  # each reader has its own kind
        except ValueError:
            continue


WRITTEN = [
    (0, "0s"),
    (0.3, "0.3s"),
    (1, "1s"),
    (9.94, "9.9s"),
    (10, "10s"),
    (10.5, "10s"),
    (59.9, "59s"),
    (60, "1m"),
    (303, "5m 3s"),
    (3599, "59m 59s"),
    (3600, "1h"),
    (3605, "1h"),
    (3661, "1h 1m"),
    (86399, "23h 59m"),
    (86400, "1d"),
    (2 * 86400 + 4 * 3600 + 61, "2d 4h"),
    (30 * 86400, "30d"),
]


@pytest.mark.parametrize(("seconds", "text"), WRITTEN)
def test_a_duration_is_written(seconds: float, text: str) -> None:
    """A duration is written with two units at most, as people say it."""
    assert text == format_duration(timedelta(seconds=seconds))


@given(st.timedeltas(timedelta(), limits.LONGEST))
def test_what_is_written_can_be_read(duration: timedelta) -> None:
    """What we write, without its space, is a duration again, and not far from the first."""
    read = parse_duration(format_duration(duration).replace(" ", ""))

    assert abs(read - duration) <= max(timedelta(seconds=1), duration / 24)


POLLS = {0: 250, -5: 250, 15: 2625, 30: 5000, 86400: 5000}


@pytest.mark.parametrize(("age", "milliseconds"), POLLS.items())
def test_a_young_job_is_asked_for_more_often(age: int, milliseconds: int) -> None:
    """The advised interval grows from 250 ms to 5 s in 30 s, and is sane if the clock jumped."""
    assert timedelta(milliseconds=milliseconds) == poll_interval(timedelta(seconds=age))


@given(st.integers(0, to_ms(limits.LONGEST)))
def test_milliseconds_are_exact(milliseconds: int) -> None:
    """JSON's whole milliseconds come back as they went, for every clock there can be."""
    assert milliseconds == to_ms(from_ms(milliseconds))


def test_milliseconds_are_rounded() -> None:
    """What is finer than a millisecond goes to the nearest."""
    assert [0, 2, 2] == [to_ms(timedelta(microseconds=each)) for each in (499, 1501, 2499)]


@given(st.integers(0, to_ms(limits.LONGEST) * 20))
def test_times_are_kept_as_whole_milliseconds(milliseconds: int) -> None:
    """A record's milliseconds since 1970 and the time they stand for are the same thing."""
    at = from_epoch_ms(milliseconds)

    assert milliseconds == to_epoch_ms(at)
    assert milliseconds == to_epoch_ms(at + timedelta(microseconds=999))
    assert timedelta(milliseconds=milliseconds) == at - datetime(1970, 1, 1, tzinfo=UTC)


def test_the_longest_clock_is_a_clock() -> None:
    """Ten years are accepted, as a number of seconds too; a second more is not."""
    assert limits.LONGEST == parse_duration(limits.LONGEST.total_seconds())
    with pytest.raises(ValueError, match="than 3650 days"):
        parse_duration(limits.LONGEST.total_seconds() + 1)


def test_the_defaults_are_pinned() -> None:
    """These are public: a job that says nothing has these clocks and limits."""
    assert timedelta(hours=24) == limits.TIMEOUT
    assert timedelta(seconds=10) == limits.GRACE
    assert timedelta(days=30) == limits.RETENTION
    assert timedelta(days=3650) == limits.LONGEST
    assert 1024**3 == limits.OUTPUT_BYTES
