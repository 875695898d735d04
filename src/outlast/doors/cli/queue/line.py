"""A queue as people read it, and the options that say what it is like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ....core.limits import format_size
from ....engine.queuedesk import public_queue

if TYPE_CHECKING:
    from ....core.queue import QueueStanding
    from ....framework.caller import Caller

F = TypeVar("F", bound=Callable[..., Any])

NUMBERS = {"width": int, "max_cpus": float}
HEAD = ("QUEUE", "STATE", "WIDTH", "RUNNING", "WAITING", "CPUS", "MEMORY")


def limit_options(function: F) -> F:
    """Give a command the options that limit a queue."""
    for option, metavar, says in (
        ("--max-memory", "SIZE", "The --memory of those that run in it adds up to no more."),
        ("--max-cpus", "N", "The --cpus of those that run in it add up to no more."),
        ("--width", "N", "At most so many run at once; none is the machine's own width."),
    ):
        function = click.option(option, metavar=metavar, default=None, help=says)(function)
    return function


def limits_of(**given: str | None) -> dict[str, Any]:
    """Return what was said of them; what is none is told by whoever reads it next."""
    return {name: _value(name, said) for name, said in given.items() if said is not None}


def _value(name: str, said: str) -> Any:
    try:
        return NUMBERS.get(name, str)(said)
    except ValueError:
        return said


def answer(caller: Caller, standing: QueueStanding) -> int:
    """Answer with one queue."""
    caller.answer(lambda: public_queue(standing), lambda: table([standing]))
    return 0


def table(standings: Sequence[QueueStanding]) -> str:
    """Return queues as a table, a line each."""
    from ....framework.plain import plain

    rows = [
        (
            plain(queue.name),
            str(queue.state),
            "" if queue.width is None else str(queue.width),
            str(each.running),
            str(each.waiting),
            "" if queue.max_cpus is None else f"{queue.max_cpus:g}",
            "" if queue.max_memory_bytes is None else format_size(queue.max_memory_bytes),
        )
        for each in standings
        for queue in (each.queue,)
    ]
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEAD, *rows)
    )
