"""
Measuring: whole processes by the clock, contenders in turn, and what the values come to.

Contenders take turns (A B C, B C A, ...), so that whatever else the machine is doing meets them
all, and ratios are taken within each turn before their median is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .figure import Series


@dataclass(frozen=True)
class Plan:
    """How much to measure, with whom, and where to leave files while measuring."""

    work: Path
    """A folder on the disk that is to be measured. Homes in it stay until the whole run is over:
    a file system that has just deleted many files is slower for what follows."""

    rounds: int | None
    """Turns of each contender; None leaves it to the figure."""

    quick: bool
    """A look whether everything works, with too few values to be believed."""

    ours: bool
    """Whether our own side can be measured."""

    def turns(self, usual: int) -> int:
        """Return how many turns to take where *usual* are enough for a steady median."""
        if self.rounds is not None:
            return self.rounds
        return max(2, usual // 10) if self.quick else usual

    def size(self, usual: int, quick: int) -> int:
        """Return how large a crowd to measure: *usual*, or *quick* for a look."""
        return quick if self.quick else usual

    def folder(self, name: str) -> Path:
        """Make a new folder in `work`, and return it."""
        for number in range(1_000_000):
            folder = self.work / f"{name}-{number}"
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
            return folder
        raise FileExistsError(self.work / name)


@dataclass(frozen=True)
class Contender:
    """Somebody to be measured: *once* does it one time and returns seconds."""

    name: str
    once: Callable[[], float]
    note: str = ""


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds *action* took."""
    begun = time.perf_counter_ns()
    action()
    return (time.perf_counter_ns() - begun) / 1e9


def timed_process(argv: Sequence[str], env: Mapping[str, str], *, expected: int = 0) -> float:
    """
    Return the seconds from just before the start of a program to just after it was reaped.

    *argv* begins with an absolute path: no search is measured. Output goes nowhere.

    Raises:
        RuntimeError: It did not exit with *expected*.
    """
    nowhere = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    begun = time.perf_counter_ns()
    pid = os.posix_spawn(argv[0], list(argv), env, file_actions=nowhere)
    _, status = os.waitpid(pid, 0)
    seconds = (time.perf_counter_ns() - begun) / 1e9
    if (code := os.waitstatus_to_exitcode(status)) != expected:
        raise RuntimeError(f"{' '.join(argv)}: exit code {code}, not {expected}")
    return seconds


def in_turns(contenders: Sequence[Contender], turns: int, *, warm_ups: int = 1) -> Times:
    """Return the seconds of each contender, turn by turn, after *warm_ups* that do not count."""
    for contender in contenders:
        for _ in range(warm_ups):
            contender.once()
    times: Times = {contender.name: [] for contender in contenders}
    for turn in range(turns):
        first = turn % len(contenders)
        for contender in [*contenders[first:], *contenders[:first]]:
            times[contender.name].append(contender.once())
    return times


Times = dict[str, list[float]]
"""Seconds, turn by turn, of each contender."""


def paired_ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """Return the median of `this / that`, each taken within one turn."""
    return median(this / that for this, that in zip(these, those, strict=True))


def clean_environment() -> dict[str, str]:
    """
    Return the caller's environment without what would steer or slow a measurement.

    Python's switch against writing bytecode makes every import two to three times as slow.
    """
    steering = ("PYTHON", "OUTLAST_", "JOB_", "TS_", "NQ", "HUEY_", "AWAITLESS_", "PARALLEL")
    return {name: value for name, value in os.environ.items() if not name.startswith(steering)}


def in_series(
    contenders: Sequence[Contender], times: Times, *, floor: str | None, unit: str = "ms"
) -> tuple[Series, ...]:
    """Return the seconds of *times* as series in *unit* (`ms` or `s`), with ratios to *floor*."""
    scale = {"ms": 1000.0, "s": 1.0}[unit]
    return tuple(
        Series(
            subject=contender.name,
            unit=unit,
            values=tuple(scale * seconds for seconds in times[contender.name]),
            ratio=None if floor is None else paired_ratio(times[contender.name], times[floor]),
            note=contender.note,
        )
        for contender in contenders
    )
