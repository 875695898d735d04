"""Jobs as text for people."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ..clock import SystemClock
from ..core.job import LOCAL
from ..core.limits import format_duration
from ..core.state import JobStatus, Reason
from .plain import plain

if TYPE_CHECKING:
    from ..core.hindrance import Hindrance
    from ..core.job import Job, JobSpec, Node

COLOURS: Final = {
    JobStatus.COMPLETE: "32",
    JobStatus.FAILED: "31",
    JobStatus.PARTIAL: "33",
    JobStatus.CANCELLED: "33",
    JobStatus.RUNNING: "36",
    JobStatus.QUEUED: "2",
}
IN_REASONS: Final = ("waiting", "held", "delayed", "retrying")
"""Phases of what has not begun, which the reasons tell better."""

ID_WIDTH: Final = 30
WIDTHS: Final = (ID_WIDTH, 9, 8, 8)
GAP: Final = 2
TRIES_SHOWN: Final = 3


def has_colour() -> bool:
    """Whether stdout takes colours, and its reader wants them (https://no-color.org)."""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def status_of(job: Job, width: int = 0) -> str:
    """Return the status, coloured where that is wanted."""
    text = f"{job.status:<{width}}"
    return f"\x1b[{COLOURS[job.status]}m{text}\x1b[0m" if has_colour() else text


def command_line(spec: JobSpec) -> str:
    """Return what runs, as one line."""
    if spec.script is not None:
        given = f" with {len(spec.command)} arguments" * bool(spec.command)
        return f"a script of {len(spec.script)} characters{given}"
    if spec.command:
        import shlex

        return plain(shlex.join(spec.command))
    if spec.shell is not None:
        return plain(spec.shell)
    # With none of them it is from a server that does not tell its jobs' specs.
    return f"a dialogue of {len(spec.dialogue)} rules" if spec.dialogue else ""


def fate(job: Job) -> str:
    """Return in a few words how a job stands, or how it ended."""
    node = job.nodes[0]
    why = job.reason if job.reason != job.status else None
    if len(job.nodes) == 1 and why == Reason.EXIT_NONZERO:
        why = f"exit code {node.exit_code}"
    elif len(job.nodes) == 1 and why == Reason.SIGNAL:
        why = f"signal {node.signal} ({_name_of(node.signal)})"
    error = next((each.error for each in job.nodes if each.error), None)
    parts = [str(job.status), (why or "").replace("_", " "), plain(error or "")]
    return ": ".join(part for part in parts if part)


def _tries(job: Job, node: Node, now: datetime) -> str:
    """Return how the earlier attempts of a node failed, the last few of them, and what is next."""
    failed = [
        f"exit code {each.exit_code}"
        if each.reason == Reason.EXIT_NONZERO
        else each.reason.replace("_", " ")
        for each in node.earlier
    ]
    shown = ", ".join([*(["..."] if len(failed) > TRIES_SHOWN else []), *failed[-TRIES_SHOWN:]])
    text = f"{len(failed)} failed ({shown})"
    if node.retry_at is not None:
        return f"{text}; at most {job.spec.retries + 1}, the next {next_try(job, node, now)}"
    now_or_last = "the last was" if node.is_terminal else "now"
    return f"{text}; {now_or_last} {node.attempt} of at most {job.spec.retries + 1}"


def next_try(job: Job, node: Node, now: datetime) -> str:
    """Return when a node of *job* that waits for its next try has that."""
    if job.held:
        return "once it is released"
    if node.retry_at is None or node.retry_at <= now:
        return "when its turn comes"
    return f"in {format_duration(node.retry_at - now)}"


def why_not(job: Job) -> str:
    """Return what a job waits for in a few words: where, and the first thing that keeps it."""
    from ..core.hindrance import Kind, hindrances

    now = SystemClock().now()
    where, why = _where(job), ""
    for each in hindrances(job, now)[:1]:
        if each.kind == Kind.JOBS:
            why = "after " + ", ".join(plain(need["job_id"]) for need in each.facts["jobs"])
        else:
            why = _until(each, now) or plain(each.kind.replace("_", " "))
    return ": ".join(filter(None, (where, why)))


def waits(job: Job) -> str:
    """Return all that a job waits for but its next try; empty where nobody knows of anything."""
    from ..core.hindrance import Kind, hindrances

    now = SystemClock().now()
    told = [each for each in hindrances(job, now) if each.kind != Kind.RETRY]
    if not told and job.status != JobStatus.QUEUED:
        return ""
    words = (_until(each, now) or plain(each.message) for each in told)
    return "; ".join(filter(None, (_where(job), *words)))


def _where(job: Job) -> str:
    phase = job.nodes[0].phase
    parts = (
        f"in {plain(job.queue)}" if job.queue else "",
        f"priority {job.priority}" if job.priority else "",
        plain(phase) if phase and phase not in IN_REASONS else "",
    )
    return " ".join(each for each in parts if each)


def _until(what: Hindrance, now: datetime) -> str:
    """Return until when that is so, as late as it is here; empty where it is no matter of time."""
    if (told := what.facts.get("at")) is None:
        return ""
    at, since = datetime.fromisoformat(told).astimezone(), now.astimezone()
    return f"until {at:%H:%M:%S}" if at.date() == since.date() else f"until {at:%Y-%m-%d %H:%M}"


def _name_of(number: int | None) -> str:
    import signal

    try:
        return signal.Signals(number or 0).name
    except ValueError:  # a real-time one
        return "real-time"


def duration_of(job: Job, now: datetime) -> str:
    """Return how long a job has run, or ran; empty before it did."""
    if job.started_at is None:
        return ""
    return format_duration((job.completed_at or now) - job.started_at)


def describe(job: Job) -> str:
    """Return all that a person wants to know of a job, in a few lines."""
    now = SystemClock().now()
    node = job.nodes[0]
    rows = [("name", plain(job.spec.name or "")), ("command", shorten(command_line(job.spec), 64))]
    if len(job.nodes) == 1 and node.executor != LOCAL:
        rows.append(("on", plain(node.name)))
    if len(job.nodes) == 1 and node.earlier:
        rows.append(("tries", _tries(job, node, now)))
    if job.is_terminal or job.reason:
        rows.append(("ended", fate(job)))
    if job.status == JobStatus.QUEUED or node.is_between:
        rows.append(("waits", waits(job)))
    if node.progress_pct is not None or (node.message and not job.spec.after):
        percent = "" if node.progress_pct is None else f"{node.progress_pct:.0f} % "
        rows.append(("progress", percent + plain(node.message or "")))
    started = (
        "" if job.started_at is None else f"{_local(job.started_at)}, {_ago(job.started_at, now)}"
    )
    rows += [
        ("started", started),
        ("took" if job.is_terminal else "running", duration_of(job, now)),
        ("output", _output_of(job)),
        ("labels", plain(", ".join(f"{k}={v}" for k, v in job.spec.labels.items()))),
    ]
    if job.is_terminal and not job.is_settled:
        rows.append(("stopping", plain(node.stop_error or "some of its processes still live")))
    head = f"{job.id}  {status_of(job)}"
    lines = [head, *(f"  {name:<9} {value}" for name, value in rows if value)]
    if len(job.nodes) > 1:
        from .grid import grid

        lines += ["", *(f"  {line}" for line in grid(job, now).splitlines())]
    return "\n".join(lines)


def _output_of(job: Job) -> str:
    printed = sum(node.stdout_bytes for node in job.nodes)
    complained = sum(node.stderr_bytes for node in job.nodes)
    return f"{printed:,} bytes, and {complained:,} on stderr"


def table(jobs: Sequence[Job], width: int) -> str:
    """Return jobs as a table that fits *width* columns (80 at least) without wrapping."""
    now = SystemClock().now()
    rest = max(width, 80) - sum(WIDTHS) - GAP * len(WIDTHS)
    lines = [_line(("JOB", f"{'STATUS':<9}", "STARTED", "TOOK", "COMMAND"))]
    for job in jobs:
        started = "" if job.started_at is None else _when(job.started_at, now)
        took = duration_of(job, now)
        what = plain(job.spec.name) if job.spec.name else command_line(job.spec)
        why = why_not(job) if job.status == JobStatus.QUEUED else ""
        what += f" ({why})" if why else ""
        status = status_of(job, WIDTHS[1])
        lines.append(_line((job.id, status, started, took, shorten(what, rest))))
    return "\n".join(lines)


def _line(cells: tuple[str, str, str, str, str]) -> str:
    job_id, status, started, took, what = cells
    line = f"{job_id:<{WIDTHS[0]}}  {status}  {started:<{WIDTHS[2]}}  {took:>{WIDTHS[3]}}  {what}"
    return line.rstrip()


def shorten(text: str, width: int) -> str:
    """Return *text* in at most *width* columns."""
    if columns(text) <= width:
        return text
    kept = ""
    for character in text:
        if columns(kept + character) > width - 1:
            break
        kept += character
    return kept + "…"


def columns(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _local(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _when(at: datetime, now: datetime) -> str:
    """The time of today, the date of another day; 8 columns at most."""
    at, now = at.astimezone(), now.astimezone()
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%y-%m-%d}"


def _ago(at: datetime, now: datetime) -> str:
    return f"{format_duration(max(now - at, now - now))} ago"
