"""`outlast run`: run it here, and leave when you like."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from ...core.outcome import Exit
from ...framework.lazy import verb
from ...framework.many import code_of, exit_status_option
from ...framework.patience import FOREVER, patience
from .spec import SETTINGS, spec_options, submit
from .strangers import of_queue

if TYPE_CHECKING:
    from ...core.job import Job
    from ...engine.follow import Mark
    from ...framework.caller import Caller

PATIENCE: Final = timedelta(seconds=30)
"""Agents' shells kill after 30 to 120 seconds: where there is no terminal, leave before."""

DRAIN: Final = timedelta(seconds=5)
"""After the command's end and its grace: for the last of its children to be gone."""

SECOND_CHANCE: Final = timedelta(seconds=2)
"""After Ctrl-C, this is how long a second one still cancels."""


@verb(
    "run",
    asynchronous=True,
    raw=True,
    context_settings=SETTINGS,
    epilog="""
    outlast run -- make -j8
    outlast run --wait 90s --timeout 2h --name tests -- pytest -x
    outlast run --shell 'ls *.log | wc -l'
    outlast run --exit-status -- ./check.sh; echo $?
    """,
)
@click.option(
    "--wait",
    metavar="D",
    help=f"Stay so long; {FOREVER}: to the end.  [default: to the end on a terminal, else 30s]",
)
@exit_status_option
@spec_options
def run(caller: Caller, wait: str | None, **given: Any) -> int:
    """
    Run a command, show its output as it comes, and stay for a while.

    When you leave (the wait is over, Ctrl-C, the terminal is closed), the job goes on, and its
    id finds it again: exit code 3. A second Ctrl-C cancels it. Durations (D) are 90, 90s, 5m or
    2h; sizes are bytes, or 512k, 2g.
    """
    stay = patience("--wait", wait, None if sys.stdout.isatty() else PATIENCE)
    job = submit(caller, given)
    marks: dict[str, Mark] = {}
    try:
        status_command = caller.service.public(job, with_result=False)["status_command"]
        caller.say(f"{job.id} is yours to ask for at any time: {status_command}")
        warnings = of_queue(caller, job)
        if caller.is_json:
            from ...engine.verbs import Wait

            (job,) = caller.service.wait(Wait((job.id,), timeout=stay))
            caller.answer(lambda: caller.service.public(job), str, warnings=warnings)
            return code_of(caller, [job])
        for warning in warnings:
            caller.say(warning)
        job = _watch(caller, job, stay, marks)
    except KeyboardInterrupt:
        return _detach(caller, job, marks)
    if job.is_terminal:
        _tell_end(caller, job)
    else:
        from ...framework.waits import waits_for

        why = waits_for(caller, job)
        status = f"{job.status} ({why})" if why else job.status
        caller.say(f"{job.id} is {status}, and goes on; the wait of {wait or '30s'} is over")
        _tell_way_back(caller, job, marks)
    return code_of(caller, [job])


def _watch(caller: Caller, job: Job, stay: timedelta | None, marks: dict[str, Mark]) -> Job:
    """Show what the job prints until there is no more, or for *stay*. Returns it as last seen."""
    from ...engine.follow import Follow

    is_one = len(job.nodes) == 1
    drain = None if job.spec.leftovers == "wait" else job.spec.grace + DRAIN
    is_live = is_one and sys.stdout.isatty() and sys.stderr.isatty()
    request = Follow(
        job.id,
        timeout=stay,
        attempt=1,
        drain=drain,
        tick=timedelta(milliseconds=200) if is_live else None,
        nodes=tuple(range(len(job.nodes))),
    )
    events = caller.service.follow(request)
    if is_live:
        from .live import show_live

        return show_live(events, job, marks)
    from ...framework.output import copy, copy_lines

    return copy(events, marks) or job if is_one else copy_lines(events, job)


def _tell_end(caller: Caller, job: Job) -> None:
    """
    Say how it ended, and what was still there then; a job that is complete and has left nothing
    needs no words, but on a terminal.
    """
    # Where we ended the command, its children's end is no news; nor is it where they may stay.
    by_itself = job.reason in (None, "exit_nonzero", "signal") and job.spec.leftovers == "stop"
    left = _outlived(job) if by_itself else None
    if job.status == "complete" and not left and not sys.stderr.isatty():
        return
    from ...clock import SystemClock
    from ...framework.text import duration_of, fate

    took = duration_of(job, SystemClock().now())
    after = f" (after {took})" if took else ""
    caller.say(f"{job.id} is {fate(job)}{after}" + (f"; {left}" if left else ""))
    if len(job.nodes) > 1:
        from ...framework.grid import grid

        for line in grid(job, SystemClock().now()).splitlines():
            caller.say(line)


def _outlived(job: Job) -> str | None:
    """Return what was told of processes that were still there at its end; None if nothing was."""
    message = next((node.message for node in job.nodes if node.message), None)
    if message is None:
        return None
    from ...core.sight import OUTLIVED

    return message if OUTLIVED in message else None


def _tell_way_back(caller: Caller, job: Job, marks: dict[str, Mark]) -> None:
    public = caller.service.public(job, with_result=False)
    logs = public["logs_command"]
    if (mark := marks.get("stdout")) is not None:
        begin = f" job logs --since-byte {mark.offset} "
        if mark.attempt > 1 or job.spec.retries:
            begin += f"--attempt {mark.attempt} "
        logs = logs.replace(" job logs ", begin, 1)
    caller.say(f"how it stands: {public['status_command']}")
    caller.say(f"what it prints next: {logs.replace(' job logs ', ' job logs --follow ', 1)}")


def _detach(caller: Caller, job: Job, marks: dict[str, Mark]) -> int:
    """Leave the job alone; end it if Ctrl-C comes again at once."""
    from ...engine.verbs import Cancel

    sys.stderr.write("\n")
    try:
        caller.say(f"detached: {job.id} goes on")
        _tell_way_back(caller, job, marks)
        if sys.stderr.isatty():
            import select

            caller.say("Ctrl-C again cancels it")
            select.select([], [], [], SECOND_CHANCE.total_seconds())
    except KeyboardInterrupt:
        job, _ = caller.service.cancel(Cancel(job.id))
        caller.say(f"{job.id} is {job.status}")
        return code_of(caller, [job])
    return Exit.RUNNING if not caller.exit_status else code_of(caller, [job])
