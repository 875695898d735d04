"""What a benchmark gives: series of values, and what they come to beside the targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import ceil
from statistics import median
from typing import Any

TIMES = "\N{MULTIPLICATION SIGN}"
"""How a ratio, or a count of things, is written."""

OURS = "outlast"
"""How the subjects that are ours begin."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """All values of one subject. Without any, it could not be measured, and *note* says why."""

    subject: str
    unit: str
    values: tuple[float, ...]
    ratio: float | None = None
    """To the figure's floor, where it has one: the median of the ratios turn by turn."""

    note: str = ""

    @property
    def median(self) -> float | None:
        return median(self.values) if self.values else None

    @property
    def least(self) -> float | None:
        return min(self.values, default=None)

    @property
    def p99(self) -> float | None:
        return percentile(self.values, 99) if self.values else None

    @property
    def is_ours(self) -> bool:
        return self.subject.startswith(OURS)


def percentile(values: tuple[float, ...], share: float) -> float:
    """Return the smallest value that *share* percent of the values do not exceed."""
    return sorted(values)[max(0, ceil(len(values) * share / 100) - 1)]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One benchmark's outcome."""

    name: str
    title: str
    how: str
    """What was measured, and how, in a sentence or two."""

    series: tuple[Series, ...]
    floor: str | None = None
    """The subject that ratios are taken to."""

    findings: Mapping[str, float] = field(default_factory=dict)
    """What was reached, by the key of its target."""

    taken: Mapping[str, str] = field(default_factory=dict)
    """When, and of which version."""


def unmeasured(subject: str, unit: str, why: str) -> Series:
    """Return the series of somebody who could not be measured."""
    return Series(subject=subject, unit=unit, values=(), note=why)


def to_json(figure: Figure) -> dict[str, Any]:
    """Return *figure* as JSON, its values with four digits that count."""
    data = asdict(figure)
    data["series"] = [
        {**series, "values": [_rounded(value) for value in series["values"]]}
        for series in data["series"]
    ]
    return data


def from_json(data: Mapping[str, Any]) -> Figure:
    """Return the figure that `to_json` wrote."""
    series = tuple(Series(**{**each, "values": tuple(each["values"])}) for each in data["series"])
    return Figure(**{**data, "series": series})


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
