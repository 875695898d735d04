"""The figures as text for a terminal, and as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .figure import Figure, Series
from .targets import AIMS, TARGETS, Target

BEGIN = "<!-- figures: begin (written by `make bench`, not by hand) -->"
END = "<!-- figures: end -->"

Row = Sequence[str]


def target_rows(figures: Mapping[str, Figure]) -> list[Row]:
    """Return what, target, reached value and verdict of each target."""
    return [_target_row(target, figures.get(target.figure)) for target in TARGETS]


def _target_row(target: Target, figure: Figure | None) -> Row:
    sign = "≥" if target.at_least else "≤"
    limit = f"{sign} {target.limit:g} {target.unit}"
    if aim := AIMS.get(target.key):
        limit += f" (aim: {aim:g})"
    if figure is None or target.key not in figure.findings:
        return target.what, limit, "-", "not measured"
    value = figure.findings[target.key]
    verdict = "reached" if target.is_reached(value) else "NOT REACHED"
    return target.what, limit, f"{number(value)} {target.unit}", verdict


def series_rows(figure: Figure) -> list[Row]:
    """Return a row for each subject of a figure: median, least, p99, ratio, how many, a note."""
    return [_series_row(series, figure) for series in figure.series]


def _series_row(series: Series, figure: Figure) -> Row:
    if series.median is None or series.least is None or series.p99 is None:
        return series.subject, "-", "-", "-", "-", "0", series.note
    if series.subject == figure.floor:
        ratio = "1"
    else:
        ratio = "" if series.ratio is None else number(series.ratio)
    return (
        series.subject,
        f"{number(series.median)} {series.unit}",
        number(series.least),
        number(series.p99),
        ratio,
        str(len(series.values)),
        series.note,
    )


SERIES_HEAD = ("", "median", "least", "p99", "ratio", "values", "")
TARGET_HEAD = ("figure", "target", "measured", "")


def number(value: float) -> str:
    """Return three digits that count, and no exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def as_text(figures: Mapping[str, Figure]) -> str:
    """Return everything for a terminal."""
    parts = []
    for figure in figures.values():
        parts += [f"{figure.title}\n{figure.how}", _text_table(SERIES_HEAD, series_rows(figure))]
    parts += ["Targets", _text_table(TARGET_HEAD, target_rows(figures))]
    return "\n\n".join(parts)


def _text_table(head: Row, rows: Sequence[Row]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in {0, len(head) - 1} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    )


def as_markdown(
    figures: Mapping[str, Figure], machine: Mapping[str, str], image: str | None
) -> str:
    """Return everything for the documentation, without its markers."""
    parts = ["## Targets", _markdown_table(TARGET_HEAD, target_rows(figures))]
    if image:
        parts.append(f"![The figures of the tables, as bars]({image})")
    for figure in figures.values():
        said = figure.how
        if figure.floor:
            said += f" Ratios are to `{figure.floor}`, turn by turn."
        taken = ", ".join(f"{name} {value}" for name, value in figure.taken.items())
        parts += [
            f"## {figure.title}",
            said,
            _markdown_table(SERIES_HEAD, series_rows(figure)),
            f"Taken: {taken}.",
        ]
    parts += [
        "## The machine",
        _markdown_table(("", ""), [(name, value) for name, value in machine.items()]),
    ]
    return "\n\n".join(parts)


def _markdown_table(head: Row, rows: Sequence[Row]) -> str:
    rules = ["---", *("---:" for _ in head[1:-1]), "---"] if len(head) > 2 else ["---"] * 2
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        for row in [head, rules, *rows]
    )


def write_between_markers(page: Path, text: str) -> None:
    """
    Replace what stands between the markers of *page*.

    Raises:
        LookupError: The page has no markers.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise LookupError(f"{page.name} does not have the two lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
