"""`outlast job retry`: the same spec again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..lazy import verb
from ..many import each_of, ids_argument, read_ids, show

if TYPE_CHECKING:
    from ..caller import Caller


@verb(
    "retry",
    asynchronous=True,
    epilog="""
    outlast job retry ID
    outlast job retry --hold ID
    outlast job list --status failed --since 1h --output id | outlast job retry -
    """,
)
@ids_argument
@click.option("--hold", is_flag=True, help="Have it wait until it is released.")
def retry(caller: Caller, ids: tuple[str, ...], hold: bool) -> int:
    """
    Submit a job's spec again, as a new job that names the old one.

    The command inherits the environment of this call. Its directory is the old job's. It waits
    for those of --after that have not ended yet, and is held only with --hold.
    """
    wanted = read_ids(ids)
    jobs, error = each_of(wanted, lambda job_id: caller.intake.retry(job_id, hold=hold))
    held = ", held" if hold else ""
    show(
        *(caller, jobs, wanted),
        lambda job: f"{job.id}  retries {job.spec.retry_of}{held}",
        error=error,
    )
    return 0 if error is None else error.exit_code
