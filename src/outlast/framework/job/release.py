"""`outlast job release`: let jobs begin that are held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import verb
from ..many import each_of, ids_argument, read_ids, show

if TYPE_CHECKING:
    from ...core.job import Job
    from ..caller import Caller


@verb(
    "release",
    epilog="""
    outlast job release ID
    outlast job list --status queued --output id | outlast job release -
    """,
)
@ids_argument
def release(caller: Caller, ids: tuple[str, ...]) -> int:
    """
    Let jobs begin that are held.

    Each stands at the end of its line. One that is not held is left as it is.
    """
    from ...engine.verbs import Release

    wanted = read_ids(ids)
    jobs, error = each_of(wanted, lambda job_id: caller.service.release(Release(job_id)))
    show(caller, jobs, wanted, _told, error=error)
    return 0 if error is None else error.exit_code


def _told(job: Job) -> str:
    return f"{job.id} is {job.status if job.is_terminal else 'released'}"
