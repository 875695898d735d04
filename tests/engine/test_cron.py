"""When a schedule is due, in time zones whose clocks jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outlast.core.job import JobSpec
from outlast.core.schedule import Missed, Overlap, Schedule, Timing
from outlast.engine.cron import local_zone, read_timing, times_of
from outlast.errors import InvalidRequest

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def next_times(cron: str, start: str, count: int, tz: str = "Europe/Berlin") -> list[str]:
    """Return the next times after *start*, in UTC."""
    after = times_of(a_schedule(Timing(cron=cron, tz=tz)))
    at: datetime | None = datetime.fromisoformat(start).astimezone(UTC)
    found = []
    for _ in range(count):
        assert at is not None
        if (at := after(at)) is not None:
            found.append(f"{at:%Y-%m-%d %H:%M}")
    return found


def a_schedule(timing: Timing) -> Schedule:
    spec = JobSpec(command=("true",))
    return Schedule(id="sch_1", name="it", timing=timing, spec=spec, created_at=NOW)


@pytest.mark.parametrize(
    ("cron", "start", "expected"),
    [
        pytest.param(
            "30 2 * * *", "2026-03-28T12:00+01:00",
            ["2026-03-29 01:00", "2026-03-30 00:30", "2026-03-31 00:30"],
            id="an-hour-that-is-left-out",
        ),
        pytest.param(
            "30 2 * * *", "2026-10-24T12:00+02:00",
            ["2026-10-25 00:30", "2026-10-26 01:30"],
            id="an-hour-that-comes-twice",
        ),
        pytest.param(
            "30 2 * * *", "2026-10-25T02:10+01:00", ["2026-10-26 01:30"],
            id="in-the-second-pass-it-has-been",
        ),
        pytest.param(
            "*/30 * * * *", "2026-10-25T02:00+02:00",
            ["2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30", "2026-10-25 02:00"],
            id="every-half-hour-goes-on",
        ),
        pytest.param(
            "*/30 * * * *", "2026-03-29T01:30+01:00",
            ["2026-03-29 01:00", "2026-03-29 01:30"],
            id="every-half-hour-skips-nothing",
        ),
        pytest.param(
            "0 8 * * mon-fri", "2026-03-27T08:00+01:00", ["2026-03-30 06:00"],
            id="the-same-hour-in-summer",
        ),
        pytest.param(
            "0 0 29 2 *", "2026-01-01T00:00+01:00", ["2028-02-28 23:00", "2032-02-28 23:00"],
            id="a-leap-day",
        ),
        pytest.param("@daily", "2026-01-01T00:00+01:00", ["2026-01-01 23:00"], id="by-name"),
    ],
)  # fmt: skip
def test_it_runs_when_debians_cron_would(cron: str, start: str, expected: list[str]) -> None:
    """A time in the hour that is left out comes with its end; one in the hour that comes twice, once."""
    assert expected == next_times(cron, start, len(expected))


def test_an_interval_is_the_same_in_every_zone() -> None:
    """It counts from when it was added."""
    after = times_of(a_schedule(Timing(every=timedelta(minutes=15))))

    assert NOW + timedelta(minutes=15) == after(NOW - timedelta(days=3))
    assert NOW + timedelta(minutes=15) == after(NOW)
    assert NOW + timedelta(minutes=45) == after(NOW + timedelta(minutes=30))


def test_what_is_said_is_read() -> None:
    """Both spellings of an interval, and the zone in force where none is named."""
    faults: list[str] = []
    every = read_timing({"every_ms": 1500, "missed": "once", "overlap": None}, NOW, faults)
    cron = read_timing({"cron": "0 8 * * 1", "overlap": "queue"}, NOW, faults)

    assert Timing(every=timedelta(seconds=1.5), missed=Missed.ONCE) == every
    assert Timing(cron="0 8 * * 1", tz=local_zone(), overlap=Overlap.QUEUE) == cron
    assert [] == faults


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ["either cron or every"]),
        ({"cron": "@daily", "every": "1h"}, ["either cron or every"]),
        ({"every": "1h", "tz": "UTC"}, ["tz is for cron"]),
        ({"every": "0.5s"}, ["every: '0.5s' is not from 1s to 3650d"]),
        ({"every": "soon"}, ["every: "]),
        ({"cron": "0 8 * *"}, ["has not five fields"]),
        ({"cron": "* 0 8 * * *"}, ["has not five fields"]),
        ({"cron": "61 8 * * *"}, ["bad minute"]),
        ({"cron": "0 0 30 2 *"}, ["bad day-of-month"]),
        ({"cron": "0 0 */31 2 1#5"}, ["is never due"]),
        ({"cron": 7}, ["is an expression"]),
        ({"cron": "@reboot"}, ["@reboot is not a time"]),
        ({"cron": "@daily", "tz": "Mars/Base"}, ["database of time zones"]),
        ({"cron": "@daily", "tz": "../etc/passwd"}, ["is no time zone"]),
        ({"cron": "@daily", "tz": 7}, ["tz is the name"]),
        ({"every": "1h", "missed": "all", "overlap": "x"}, ["missed is one of", "overlap is one"]),
    ],
)
def test_what_makes_no_sense_is_told(given: dict[str, Any], words: list[str]) -> None:
    """Each with what would; all of it at once."""
    faults: list[str] = []
    read_timing(given, NOW, faults)

    assert len(words) == len(faults), faults
    for word, fault in zip(words, faults, strict=True):
        assert word in fault


def test_this_machines_zone_has_a_name() -> None:
    """The caller's own first; what is no name of one is not taken."""
    assert "America/New_York" == local_zone({"TZ": ":America/New_York"})
    assert local_zone({}) == local_zone({"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"})
    assert "UTC" == local_zone({"TZ": "Etc/UTC"})


def test_a_zone_that_is_gone_is_told() -> None:
    """Whoever wants its times hears which it is."""
    with pytest.raises(InvalidRequest, match="Gone/Zone"):
        times_of(a_schedule(Timing(cron="@daily", tz="Gone/Zone")))
