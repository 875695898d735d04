"""`outlast job cancel`: end jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..lazy import verb
from ..many import each_of, ids_argument, read_ids, show
from ..patience import duration
from .logs import node_of

if TYPE_CHECKING:
    from datetime import datetime

    from ...core.job import Job, JobId
    from ..caller import Caller


@verb(
    "cancel",
    epilog="""
    outlast job cancel ID
    outlast job cancel --grace 0 --wait-stopped 10s ID
    outlast job list --label team=db --status running --output id | outlast job cancel -
    """,
)
@ids_argument
@click.option("--grace", metavar="D", help="Between SIGTERM and SIGKILL.  [default: the job's]")
@click.option(
    "--node", "nodes", metavar="N", multiple=True, help="Only this node; may be repeated."
)
@click.option("--wait-stopped", metavar="D", help="Stay so long for every process to be gone.")
def cancel(
    caller: Caller,
    ids: tuple[str, ...],
    grace: str | None,
    nodes: tuple[str, ...],
    wait_stopped: str | None,
) -> int:
    """
    End jobs and every process they started.

    A job is cancelled, finally, when this returns: exit code 0. `stopped_at` tells when its last
    process was gone. One that has ended is left as it is, and `cancelled` is false.
    """
    from ...clock import SystemClock
    from ...engine.verbs import Cancel, Get

    since = SystemClock().now()
    within, stay = duration("--grace", grace), duration("--wait-stopped", wait_stopped)
    wanted = read_ids(ids)
    changed: dict[JobId, bool] = {}

    def end(job_id: JobId) -> Job:
        chosen: frozenset[int] = frozenset()
        if nodes:
            job = caller.service.get(Get(job_id))
            chosen = frozenset(node_of(job, each) for each in nodes)
        request = Cancel(job_id, nodes=chosen, grace=within, wait_stopped=stay)
        job, changed[job_id] = caller.service.cancel(request)
        return job

    jobs, error = each_of(wanted, end)
    warnings = [
        f"{job.id} has processes that still live: {_why_not(job) or 'ask again for it'}"
        for job in jobs
        if stay is not None and not job.is_settled
    ]
    show(
        caller,
        jobs,
        wanted,
        lambda job: _told(job, since, changed=changed[job.id]),
        error=error,
        warnings=warnings,
        more=lambda job: {"cancelled": changed[job.id]},
    )
    return 0 if error is None else error.exit_code


def _why_not(job: Job) -> str | None:
    return next((node.stop_error for node in job.nodes if node.stop_error), None)


def _told(job: Job, since: datetime, *, changed: bool) -> str:
    from ..text import fate

    if changed:
        rest = ""
    elif not job.is_settled:
        rest = ": what it left running is being ended"
    elif any(node.stopped_at is not None and node.stopped_at >= since for node in job.nodes):
        rest = ": what it left running was ended"
    else:
        rest = ": nothing was left to cancel"
    return f"{job.id} is {fate(job)}{rest}"
