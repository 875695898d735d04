"""A job on a terminal: its output as it comes, and below it a clock and a bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...clock import SystemClock
from ...core.job import Job
from ...core.limits import format_duration
from ...framework.output import write
from ...framework.plain import plain
from ...framework.text import has_colour

if TYPE_CHECKING:
    from ...engine.follow import Mark, Piece

CLEAR_LINE: Final = "\r\x1b[2K"
BAR_WIDTH: Final = 24


def show_live(events: Iterable[Piece | Job], job: Job, marks: dict[str, Mark]) -> Job:
    """Write what is printed, and draw the state below it. Returns the job as last seen."""
    line = StatusLine()
    try:
        for event in events:
            if isinstance(event, Job):
                job = event
                line.draw(job)
            else:
                line.clear()
                write(event)
                line.at_start = event.data.endswith(b"\n")
                marks[event.stream] = event.end
    finally:
        line.clear()
    return job


class StatusLine:
    """
    The line below the output. Drawn only where the cursor stands at a line's beginning, so that
    a prompt or a bar of the command's own stays as it was printed.
    """

    def __init__(self) -> None:
        colours: dict[str, Any] = {} if has_colour() else {"color_system": None}
        self._console = Console(stderr=True, highlight=False, **colours)
        self._is_drawn = False
        self.at_start = True

    def draw(self, job: Job) -> None:
        """Draw how *job* stands, over what was drawn before."""
        if not self.at_start or job.is_terminal:
            return
        width = max(20, os.get_terminal_size(sys.stderr.fileno()).columns - 1)
        with self._console.capture() as capture:
            self._console.print(self._row(job, width), end="", width=width)
        sys.stderr.write(CLEAR_LINE + capture.get().rstrip("\n"))
        sys.stderr.flush()
        self._is_drawn = True

    def clear(self) -> None:
        """Take the line away."""
        if self._is_drawn:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()
            self._is_drawn = False

    @staticmethod
    def _row(job: Job, width: int) -> Table:
        now = SystemClock().now()
        node = job.nodes[0]
        begun = job.started_at or job.created_at
        grid = Table.grid(padding=(0, 1))
        cells: list[Text | ProgressBar] = [
            Text(str(job.status), style="cyan"),
            Text(format_duration(max(now - begun, now - now))),
        ]
        if node.progress_pct is not None and width > BAR_WIDTH * 2:
            cells.append(ProgressBar(total=100, completed=node.progress_pct, width=BAR_WIDTH))
            cells.append(Text(f"{node.progress_pct:.0f} %"))
        for _ in cells:
            grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_row(*cells, Text(plain(node.message or "Ctrl-C detaches"), style="dim"))
        return grid
