"""What could come next, as a shell asks for it: quick, and silent whatever is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click
    from click.shell_completion import CompletionItem

    from ..core.job import Job
    from ..core.state import JobStatus
    from ..settings import Settings
    from .caller import Caller

VARIABLE: Final = "_OUTLAST_COMPLETE"
"""By it a shell asks, as Click has it: `bash_source`, `bash_complete`."""

PATIENCE_S: Final = 1.0
"""Whoever presses a key waits no longer: by then there is an answer, or none."""

MAX_SAID: Final = 60
"""So many characters are said of a job."""


def answer(cli: click.Command, caller: Caller) -> int:
    """Do what the shell asks for, and return the exit code."""
    from click.shell_completion import add_completion_class, shell_complete

    from .bash import Bash

    add_completion_class(Bash)
    instruction = os.environ[VARIABLE]
    given = (cli, {"obj": caller}, caller.tool.name, VARIABLE, instruction)
    if not instruction.endswith("_complete"):
        return shell_complete(*given)
    import sys
    from contextlib import suppress
    from threading import Timer

    # Nothing may come between the words that somebody types.
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it is open to the end
    ends = Timer(PATIENCE_S, os._exit, (0,))
    ends.daemon = True
    ends.start()
    with suppress(Exception):
        return shell_complete(*given)
    return 0


def offer_jobs(
    context: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the ids of jobs with which the command can do something, newest first."""
    return _ids(context, param, incomplete)


def offer_needs(
    context: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer ids behind what is written of `--after` already: `failed:`, or other ids and a comma."""
    begun = max(incomplete.rfind(","), incomplete.rfind(":")) + 1
    return _ids(context, param, incomplete[begun:], incomplete[:begun])


def offer_queues(
    context: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the names of queues; not `default` to who could do nothing with it."""
    from ..core.job import DEFAULT_QUEUE
    from ..shortlist import queues

    names = queues(_settings(context))
    without = (DEFAULT_QUEUE,) if context.command.name in ("drain", "delete") else ()
    return _named(context, param, incomplete, (name for name in names if name not in without))


def offer_schedules(
    context: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the names of schedules."""
    from ..shortlist import schedules

    return _named(context, param, incomplete, schedules(_settings(context)))


def offer_files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell offer files, as it does for other commands."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _settings(context: click.Context) -> Settings:
    caller: Caller = context.obj
    return caller.settings


def _ids(
    context: click.Context, param: click.Parameter, incomplete: str, before: str = ""
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from ..shortlist import jobs

    statuses, suits = _wanted(str(context.command.name))
    given = _given(context, param)
    return [
        CompletionItem(before + job.id, help=_said(job))
        for job in jobs(_settings(context), statuses)
        if job.id.startswith(incomplete) and job.id not in given and suits(job)
    ]


def _wanted(verb: str) -> tuple[Iterable[JobStatus], Callable[[Job], bool]]:
    """Return of which statuses the jobs are that *verb* is for (none: of any), and what else holds."""
    from ..core.state import JobStatus

    going = (JobStatus.QUEUED, JobStatus.RUNNING)
    ended = tuple(status for status in JobStatus if status not in going)
    statuses: dict[str, Iterable[JobStatus]] = {
        **dict.fromkeys(("cancel", "wait"), going),
        **dict.fromkeys(("hold", "move", "release"), (JobStatus.QUEUED,)),
        **dict.fromkeys(("delete", "result", "retry"), ended),
    }
    if verb in ("hold", "release"):
        return statuses[verb], lambda job: job.held is (verb == "release")
    return statuses.get(verb, ()), lambda _: True


def _said(job: Job) -> str:
    from .plain import plain
    from .text import command_line, shorten

    return shorten(f"{job.status}, {plain(job.spec.name or command_line(job.spec))}", MAX_SAID)


def _named(
    context: click.Context, param: click.Parameter, incomplete: str, names: Iterable[str]
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from ..core.naming import is_name

    given = _given(context, param)
    return [
        CompletionItem(name)
        for name in names
        # Shells take others apart: of an older Outlast there may be such.
        if name.startswith(incomplete) and name not in given and is_name(name)
    ]


def _given(context: click.Context, param: click.Parameter) -> tuple[str, ...]:
    """Return the values that stand there already, where there can be several."""
    given = context.params.get(str(param.name))
    return given if isinstance(given, tuple) else ()
