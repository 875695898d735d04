"""The verbs about jobs that exist: one group of commands, in `outlast` and in every tool."""

from __future__ import annotations

from typing import Final

import click

from ..lazy import Lazy

TABLE: Final = {
    "status": (f"{__name__}.status:status", "Tell how jobs stand."),
    "wait": (f"{__name__}.wait:wait", "Stay until jobs have ended."),
    "result": (f"{__name__}.result:result", "Tell how a job ended and what it printed last."),
    "logs": (f"{__name__}.logs:logs", "Print a job's output."),
    "cancel": (f"{__name__}.cancel:cancel", "End jobs and every process they started."),
    "list": (f"{__name__}.list:list_jobs", "Find jobs, newest first."),
    "completions": (
        f"{__name__}.completions:completions",
        "Tell which jobs have ended, each once.",
    ),
    "watch": (
        f"{__name__}.watch:watch",
        "Show what runs, waits and has ended, as it happens.",
    ),
    "artifacts": (f"{__name__}.artifacts:artifacts", "Take what jobs have collected."),
    "move": (f"{__name__}.move:move", "Wait in another queue, or before others."),
    "delete": (f"{__name__}.delete:delete", "Remove ended jobs and their files."),
    "hold": (f"{__name__}.hold:hold", "Have jobs that have not begun wait until released."),
    "release": (f"{__name__}.release:release", "Let jobs begin that are held."),
    "retry": (f"{__name__}.retry:retry", "Submit a job's spec again, as a new job."),
}


@click.group(
    "job",
    cls=Lazy,
    table=TABLE,
    epilog="""
    outlast job status ID
    outlast job list --status running
    outlast job list --status failed --output id | outlast job retry -
    """,
)
def job() -> None:
    """
    Ask about jobs, read them, end them.

    Where an ID is asked for, several can be given, and - reads them from stdin.
    """


OF_A_TOOL: Final = ("status", "wait", "result", "logs", "cancel", "list")
"""The verbs that a tool gets. Moving, removing and repeating are for `outlast`, whoever started the job."""


def job_group_of_a_tool() -> Lazy:
    """Return the group `job` as other programs have it."""
    return Lazy(
        "job",
        table={name: TABLE[name] for name in OF_A_TOOL},
        help=job.help,
        epilog="""
        outlast job status ID
        outlast job list --status running
        outlast job list --status running --output id | outlast job wait -
        """,
    )
