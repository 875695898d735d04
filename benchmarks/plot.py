"""The figures as one picture: who takes how long, and how much of each target is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .figure import Figure, Series
from .report import number
from .targets import TARGETS, Target

OURS_COLOUR, PEER_COLOUR, OVER_COLOUR = "#00796b", "#9aa5ab", "#d84315"
ON_PICTURE = {"startup": False, "throughput": False, "latency": True}
"""Which figures are drawn, and whether on a logarithmic axis."""


def draw(figures: Mapping[str, Figure], picture: Path) -> bool:
    """Write *picture* as a PNG; return False where there is nothing to draw."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = [figures[name] for name in ON_PICTURE if name in figures]
    reached = [
        (target, figures[target.figure].findings[target.key])
        for target in TARGETS
        if target.limit and target.key in getattr(figures.get(target.figure), "findings", ())
    ]
    heights = [len(_drawn(figure)) + 2 for figure in shown] + ([len(reached) + 2] * bool(reached))
    if not heights:
        return False
    drawing, axes = plt.subplots(
        len(heights),
        figsize=(9, 0.27 * sum(heights) + 0.3),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    for figure, axis in zip(shown, axes[:, 0], strict=False):
        _bars_of_figure(axis, figure)
    if reached:
        _bars_of_targets(axes[-1, 0], reached)
    picture.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(picture, dpi=110)
    plt.close(drawing)
    return True


def _drawn(figure: Figure) -> list[Series]:
    """Return what can be drawn: a start before the call returned has no place on a log axis."""
    at_least = 0.0 if ON_PICTURE[figure.name] else -1.0
    return [each for each in figure.series if each.values and (each.median or 0) > at_least]


def _bars_of_figure(axis: Any, figure: Figure) -> None:
    drawn = _drawn(figure)
    medians = [series.median or 0.0 for series in drawn]
    if ON_PICTURE[figure.name]:
        axis.set_xscale("log")
    colours = [OURS_COLOUR if series.is_ours else PEER_COLOUR for series in drawn]
    bars = axis.barh([series.subject for series in drawn], medians, color=colours)
    axis.bar_label(bars, [number(series.median or 0.0) for series in drawn], padding=3, size=7)
    _dress(axis, f"{figure.title} (median, {drawn[0].unit})")


def _bars_of_targets(axis: Any, reached: list[tuple[Target, float]]) -> None:
    shares = [target.share(value) for target, value in reached]
    colours = [
        OURS_COLOUR if target.is_reached(value) else OVER_COLOUR for target, value in reached
    ]
    names = [target.what.replace("`", "") for target, _ in reached]
    bars = axis.barh(names, [min(share, 3) for share in shares], color=colours)
    axis.bar_label(bars, [f"{share:.0%}" for share in shares], padding=3, size=7)
    axis.axvline(1, color="black", linewidth=0.8)
    _dress(axis, "How much of each target is used (the line: all of it)")


def _dress(axis: Any, title: str) -> None:
    axis.set_title(title, size=9, loc="left")
    axis.invert_yaxis()
    axis.tick_params(labelsize=7)
    axis.margins(x=0.12)
    axis.spines[["top", "right"]].set_visible(False)
