"""`outlast job retry`: the same spec again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import verb
from ..many import each_job, ids_argument, read_ids, show

if TYPE_CHECKING:
    from ..caller import Caller


@verb(
    "retry",
    asynchronous=True,
    epilog="""
    outlast job retry ID
    outlast job list --status failed --since 1h --output id | outlast job retry -
    """,
)
@ids_argument
def retry(caller: Caller, ids: tuple[str, ...]) -> int:
    """
    Submit a job's spec again, as a new job that names the old one.

    The command inherits the environment of this call. Its directory is the old job's.
    """
    wanted = read_ids(ids)
    jobs, error = each_job(wanted, caller.intake.retry)
    show(caller, jobs, wanted, lambda job: f"{job.id}  retries {job.spec.retry_of}", error=error)
    return 0 if error is None else error.exit_code
