"""A view of all that runs, waits and has ended lately, in so many columns and lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ..clock import SystemClock
from ..core.state import JobStatus
from .plain import plain
from .text import ID_WIDTH, columns, command_line, duration_of, fate, next_try, shorten, why_not

if TYPE_CHECKING:
    from ..core.job import Job

WIDE: Final = 72
"""From so many columns on there is room for ids."""

TOOK: Final = 9


@dataclass(frozen=True)
class View:
    """What is shown."""

    queues: Sequence[str]
    """A line for each."""

    running: Sequence[Job]
    queued: Sequence[Job]
    ended: Sequence[Job]
    has_more: bool = False
    """Whether more of them run or wait than stand here."""


def board(view: View, now: datetime, width: int, height: int | None) -> list[str]:
    """
    Return *view* as lines that fit *width* columns, at most *height* of them; None: all of it.
    Nothing in them can steer a terminal.
    """
    room = 1000 if height is None else max(0, height - len(view.queues) - 3)
    ended = list(view.ended)[: max(3, room // 4)]
    running = list(view.running)[: max(1, room - len(ended) - min(3, len(view.queued)))]
    queued = list(view.queued)[: max(1, room - len(ended) - len(running))]
    more = view.has_more or len(queued) < len(view.queued) or len(running) < len(view.running)
    lines = list(view.queues)
    lines += _section("RUNNING", running, now, width, _progress)
    lines += _section("WAITING" + (", AND MORE" if more else ""), queued, now, width, why_not)
    lines += _section("ENDED", ended, now, width, fate)
    lines = lines or ["no job runs, waits, or has ended lately"]
    return [shorten(line, width).rstrip() for line in lines][:height]


def line_of(job: Job, now: datetime) -> str:
    """Return how a job stands, for one line of a log."""
    says = {JobStatus.RUNNING: _progress, JobStatus.QUEUED: why_not}.get(job.status, fate)(job)
    status = "" if says.startswith(str(job.status)) else f"{job.status} "
    return " ".join(f"{job.id} {status}{says} {duration_of(job, now)} {what(job)}".split())


def what(job: Job) -> str:
    """Return the name of a job, or its command."""
    return plain(job.spec.name) if job.spec.name else command_line(job.spec)


def _section(
    head: str, jobs: Iterable[Job], now: datetime, width: int, says: Callable[[Job], str]
) -> list[str]:
    rows = [(job, what(job), says(job)) for job in jobs]
    has_ids = width >= WIDE
    rest = max(8, width - TOOK - 2 - (ID_WIDTH + 2 if has_ids else 0))
    most = max(6, rest // 2) if any(why for _, _, why in rows) else rest
    most = min(most, max((columns(name) for _, name, _ in rows), default=0))
    lines = [head] if rows else []
    for job, name, why in rows:
        shown = shorten(name, most)
        place = f"{job.id:<{ID_WIDTH}}  " if has_ids else ""
        gap = " " * (most - columns(shown))
        lines.append(f"{place}{duration_of(job, now):>{TOOK}}  {shown}{gap}  {why}")
    return lines


def _progress(job: Job) -> str:
    node = next((each for each in job.nodes if each.message or each.progress_pct), job.nodes[0])
    over = sum(each.is_terminal for each in job.nodes)
    parts = [f"{over} of {len(job.nodes)} nodes"] if len(job.nodes) > 1 else []
    parts += [f"try {len(node.earlier) + 1}"] if node.earlier else []
    if node.retry_at is not None:
        parts.append(next_try(job, node, SystemClock().now()))
    parts += [] if node.progress_pct is None else [f"{node.progress_pct:.0f} %"]
    parts += [plain(each) for each in (node.message or node.phase,) if each]
    return " ".join(parts)


def queue_line(name: str, state: str, width: int | None, running: int, waiting: int) -> str:
    """Return a queue in a line."""
    of = "" if width is None else f" of {width}"
    paused = "" if state == "open" else f", {state}"
    return f"{plain(name)}: {running}{of} running, {waiting} waiting{paused}"
