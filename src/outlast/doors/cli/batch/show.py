"""A batch while it runs: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ....batch.progress import Progress
    from ....clock import SystemClock
    from ....framework.caller import Caller

Tell = Callable[["Progress"], None]

EVERY_S: Final = 10.0
"""Between two lines, where there is no terminal."""


@contextmanager
def shown(caller: Caller, clock: SystemClock) -> Iterator[Tell]:
    """Give a function that is told of progress, and that shows it on stderr."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _bar(clock) as tell:
            yield tell
    else:
        yield _lines(caller, clock)


def _lines(caller: Caller, clock: SystemClock) -> Tell:
    told_at = clock.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal told_at
        now = clock.monotonic()
        if now - told_at >= EVERY_S:
            told_at = now
            caller.say(progress.line(now))

    return tell


@contextmanager
def _bar(clock: SystemClock) -> Iterator[Tell]:
    # Imported here: drawing is for terminals, and costs more than all the rest.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Drawn

    from ....framework.text import has_colour

    colours: dict[str, Any] = {} if has_colour() else {"color_system": None}
    console = Console(file=sys.stderr, highlight=False, **colours)
    columns = (BarColumn(), TextColumn("{task.description}"))
    with Drawn(*columns, console=console, transient=True) as drawn:
        task = drawn.add_task("", total=None)

        def tell(progress: Progress) -> None:
            drawn.update(
                task,
                total=progress.total,
                completed=progress.ended,
                description=progress.line(clock.monotonic()),
            )

        yield tell
