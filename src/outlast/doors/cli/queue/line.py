"""A queue as people read it, and the options that say what it is like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ....core.limits import format_size
from ....engine.queuedesk import public_queue
from ....framework.completion import offer_queues

if TYPE_CHECKING:
    from ....core.queue import QueueStanding
    from ....errors import InvalidRequest
    from ....framework.caller import Caller

F = TypeVar("F", bound=Callable[..., Any])

NUMBERS = {"width": int, "max_cpus": float}
HEAD = ("QUEUE", "STATE", "WIDTH", "RUNNING", "WAITING", "CPUS", "MEMORY")


def limit_options(function: F) -> F:
    """Give a command the options that limit a queue."""
    for option, metavar, says in (
        ("--max-memory", "SIZE", "So much --memory, at most, of all together that run in it."),
        ("--max-cpus", "N", "So many --cpus, at most, of all together that run in it."),
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


def which_queues(function: F) -> F:
    """Give a command the names of queues, and `--all`."""
    every = click.option(
        "--all", "of_all", is_flag=True, help="All that were created, and default, at once."
    )
    names = click.argument("names", metavar="NAME...", nargs=-1, shell_complete=offer_queues)
    return every(names(function))


def answer_each(
    caller: Caller,
    names: Sequence[str],
    do: Callable[[str], QueueStanding],
    do_all: Callable[[], Sequence[QueueStanding]] | None,
) -> int:
    """
    Do something to each queue that is named and is there, and answer with one as it is, several as
    `items`; or to all of them, and tell which were left as they are.

    Raises:
        InvalidRequest: None is named and not all are meant, or both.
    """
    from ....framework.many import each_of

    if (do_all is not None) == bool(names):
        raise _which(names)
    if do_all is not None:
        all_of_them = do_all()
        caller.answer(
            lambda: {"items": [public_queue(each) for each in all_of_them]},
            lambda: table(all_of_them),
            warnings=_left(caller, all_of_them),
        )
        return 0
    standings, error = each_of(dict.fromkeys(names), do)

    def data() -> Any:
        public = [public_queue(each) for each in standings]
        return public[0] if len(names) == 1 else {"items": public}

    caller.answer(data, lambda: table(standings), error=error)
    return 0 if error is None else error.exit_code


def _which(names: Sequence[str]) -> InvalidRequest:
    from ....errors import InvalidRequest

    if names:
        return InvalidRequest("--all is every queue: leave the names out, or leave out --all")
    return InvalidRequest(
        "no queue was named", suggestion="Name some, or all of them: --all; see outlast queue list"
    )


def _left(caller: Caller, changed: Sequence[QueueStanding]) -> list[str]:
    """Return what is to be told of the queues that are there and were not *changed*."""
    from ....core.job import DEFAULT_QUEUE
    from ....core.queue import OF_SCHEDULE

    names = {each.queue.name for each in changed}
    left = [each.queue.name for each in caller.service.queues.list()]
    left = [name for name in left if name not in names]
    warnings = []
    if DEFAULT_QUEUE in left:
        left.remove(DEFAULT_QUEUE)
        warnings.append(
            f"{DEFAULT_QUEUE} always takes jobs, and is left as it is; to have none of them begin:"
            f" outlast queue pause {DEFAULT_QUEUE}"
        )
    of_schedules = [name for name in left if name.startswith(OF_SCHEDULE)]
    others = [name for name in left if name not in of_schedules]
    if of_schedules:
        warnings.append(
            f"left as they are, since each belongs to a schedule: the queues {_some(of_schedules)};"
            " to have no more runs: outlast schedule pause NAME"
        )
    if others:
        warnings.append(
            f"left as they are, since nobody has created them: the queues {_some(others)}; for"
            " the next time: outlast queue create NAME"
        )
    return warnings


def _some(names: Sequence[str]) -> str:
    """Return the first few of *names*, and how many others there are."""
    from ....core.queue import MAX_NAMED
    from ....framework.plain import plain

    some = ", ".join(f"{plain(name)!r:.80}" for name in names[:MAX_NAMED])
    return f"{some} and {len(names) - MAX_NAMED:,} others" if len(names) > MAX_NAMED else some


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
