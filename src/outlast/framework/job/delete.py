"""`outlast job delete`: remove ended jobs."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ..caller import job_ids
from ..completion import offer_jobs
from ..lazy import verb
from ..many import each_of
from ..search import label_option, labels_of, moment

if TYPE_CHECKING:
    from datetime import datetime

    from ...core.job import Job, JobId
    from ..caller import Caller


@verb(
    "delete",
    epilog="""
    outlast job delete ID
    outlast job delete --older-than 7d
    outlast job delete --older-than 0 --label scratch=yes
    """,
)
@click.argument("ids", metavar="[ID...]", nargs=-1, shell_complete=offer_jobs)
@click.option("--older-than", metavar="D", help="All that ended longer ago than this.")
@label_option
def delete(
    caller: Caller, ids: tuple[str, ...], older_than: str | None, labels: tuple[str, ...]
) -> int:
    """
    Remove ended jobs and their files, now.

    Asked for again, their ids are told as expired (5). A job that still runs is refused (2):
    nothing is removed then.
    """
    from ...engine.verbs import Delete, Get
    from ...errors import InvalidRequest

    faults: list[str] = []
    wanted = list(job_ids(ids))
    before = moment("--older-than", older_than, faults)
    chosen = labels_of(labels, faults)
    if not wanted and older_than is None:
        faults.append("nothing is named: give ids, - for ids from stdin, or --older-than")
    if labels and older_than is None:
        faults.append("--label goes with --older-than")
    if faults:
        raise InvalidRequest(*faults)
    there, error = (
        each_of(wanted, lambda job_id: caller.service.get(Get(job_id))) if wanted else ([], None)
    )
    gone = list(caller.service.delete(Delete(tuple(job.id for job in there)))) if there else []
    if before is not None:
        gone += _delete_older(caller, before, chosen)
    count = f"{len(gone)} {'job' if len(gone) == 1 else 'jobs'} removed"
    caller.answer(lambda: {"deleted": gone}, lambda: count, error=error)
    return 0 if error is None else error.exit_code


def _delete_older(caller: Caller, before: datetime, labels: dict[str, str]) -> list[JobId]:
    from ...engine.verbs import Delete, List
    from ...errors import NotTerminal

    gone: list[JobId] = []
    cursor: str | None = None
    while True:
        page = caller.service.list(
            List(ended_before=before, labels=labels, limit=500, cursor=cursor)
        )
        settled: list[Job] = [job for job in page.jobs if job.is_settled]
        try:
            gone += caller.service.delete(Delete(tuple(job.id for job in settled)))
        except NotTerminal:
            for job in settled:
                with suppress(NotTerminal):  # another one waits for its end: later
                    gone += caller.service.delete(Delete((job.id,)))
        cursor = page.next_cursor
        if cursor is None:
            return gone
