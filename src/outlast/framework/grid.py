"""The nodes of a job as a table for people: how each stands, or how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ..core.limits import format_duration
from .plain import plain

if TYPE_CHECKING:
    from ..core.job import Job, Node

NODE_WIDTH: Final = 32
HEAD: Final = ("NODE", "STATUS", "EXIT", "TOOK", "OUTPUT", "")


def grid(job: Job, now: datetime) -> str:
    """Return a line for each node below a head; columns as wide as what is in them."""
    return table([HEAD, *(_row(node, now) for node in job.nodes)])


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return *rows* as lines, each column as wide as what is in it; the last has no width."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]).rstrip()  # noqa: B905 the last has no width
        for row in rows
    )


def _row(node: Node, now: datetime) -> tuple[str, ...]:
    end = node.completed_at or now
    took = "" if node.started_at is None else format_duration(max(end - node.started_at, now - now))
    code = "" if node.exit_code is None else str(node.exit_code)
    if node.signal is not None:
        code = f"signal {node.signal}"
    why = node.error or (node.reason or "").replace("_", " ")
    why = why or node.message or ""
    if not node.is_terminal:
        why = node.phase or node.message or ""
    elif node.stop_error and not node.is_settled:
        why = f"{why}; {node.stop_error}"
    name = plain(node.name)
    if len(name) > NODE_WIDTH:
        name = f"{name[: NODE_WIDTH - 1]}…"
    size = f"{node.stdout_bytes + node.stderr_bytes:,}"
    return name, str(node.status), code, took, size, plain(why)
