"""`outlast job wait`: stay until jobs have ended."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from ...core.outcome import Exit
from ..lazy import verb
from ..many import code_of, each_of, exit_status_option, ids_argument, read_ids, show
from ..patience import FOREVER, patience

if TYPE_CHECKING:
    from ...core.job import Job
    from ..caller import Caller

PATIENCE: Final = timedelta(seconds=100)
"""Agents' shells kill after 120 seconds, often: without a terminal, come back before."""


@verb(
    "wait",
    epilog="""
    outlast job wait --timeout 90s ID
    outlast job wait --any ID ID ID
    outlast job wait --timeout none ID && ./deploy.sh
    """,
)
@ids_argument
@click.option(
    "--timeout", metavar="D", help=f"Stay so long; {FOREVER}: to the end.  [default: 100s]"
)
@click.option("--any", "wait_any", is_flag=True, help="Until one of them has ended.")
@click.option("--all", "wait_all", is_flag=True, help="Until all have ended, the default.")
@exit_status_option
def wait(
    caller: Caller, ids: tuple[str, ...], timeout: str | None, wait_any: bool, wait_all: bool
) -> int:
    """
    Stay until jobs have ended.

    Ends nothing but the waiting: when it is over, exit code 3 says that the job goes on. On a
    terminal the default is to stay to the end. Exit codes are those of job status; with --any,
    of the jobs that have ended. An ID of - reads them from stdin.
    """
    from ...engine.verbs import Get, Wait
    from ...errors import InvalidRequest

    if wait_any and wait_all:
        raise InvalidRequest("--any and --all exclude each other: give one")
    stay = patience("--timeout", timeout, None if sys.stdout.isatty() else PATIENCE)
    wanted = read_ids(ids)
    jobs, error = each_of(wanted, lambda job_id: caller.service.get(Get(job_id)))
    if error is not None:
        show(caller, jobs, wanted, _describe, error=error)
        return code_of(caller, jobs, error)
    if sys.stderr.isatty() and not all(job.is_terminal for job in jobs):
        caller.say(f"waiting for {', '.join(wanted)}; Ctrl-C stops the waiting, not the job")
    try:
        waited = caller.service.wait(Wait(wanted, timeout=stay, any=wait_any))
    except KeyboardInterrupt:
        caller.say("no longer waited for; it goes on")
        return Exit.RUNNING if not caller.exit_status else code_of(caller, jobs)
    show(caller, waited, wanted, _describe)
    ended = [job for job in waited if job.is_terminal]
    return code_of(caller, ended if wait_any and ended else waited)


def _describe(job: Job) -> str:
    from ..text import describe

    return describe(job)
