"""`outlast job move`: wait elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..completion import offer_queues
from ..lazy import verb
from ..many import each_of, ids_argument, read_ids, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...core.job import Job, JobId
    from ..caller import Caller


@verb(
    "move",
    epilog="""
    outlast job move --queue disk ID
    outlast job move --priority 5 ID
    outlast job list --queue disk --status queued --output id | outlast job move --queue tape -
    """,
)
@ids_argument
@click.option(
    "--queue",
    metavar="NAME",
    help="Wait in this queue; `default` is that of no name.",
    shell_complete=offer_queues,
)
@click.option("--priority", metavar="N", help="Go before those of a lower one there, -20 to 20.")
def move(caller: Caller, ids: tuple[str, ...], queue: str | None, priority: str | None) -> int:
    """
    Have jobs that have not begun wait in another queue, or with another priority.

    Where they stand among the others there goes by their submission, as if they had been there
    from the beginning. Stored when this returns; what has begun is refused.
    """
    from ...core.job import DEFAULT_QUEUE
    from ...engine.verbs import Move
    from ...errors import InvalidRequest

    try:
        number = None if priority is None else int(priority)
    except ValueError:
        raise InvalidRequest(f"--priority: {priority!r:.80} is not a whole number") from None
    wanted = read_ids(ids)

    def move_it(job_id: JobId) -> Job:
        return caller.service.move(Move(job_id, queue=queue, priority=number))

    jobs, error = each_of(wanted, move_it)
    show(
        caller,
        jobs,
        wanted,
        lambda job: (
            f"{job.id} is {job.status} in {job.queue or DEFAULT_QUEUE}, priority {job.priority}"
        ),
        error=error,
        warnings=_strange(caller, jobs) if queue is not None else (),
    )
    return 0 if error is None else error.exit_code


def _strange(caller: Caller, jobs: Sequence[Job]) -> tuple[str, ...]:
    """Return what is to be told where they were moved to a queue that nobody has created."""
    from ...core.queue import strangers

    told = strangers(jobs, caller.service.queues.created())
    return () if told is None else (told,)
