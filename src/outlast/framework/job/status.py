"""`outlast job status`: how jobs stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import verb
from ..many import code_of, each_of, exit_status_option, ids_argument, read_ids, show

if TYPE_CHECKING:
    from ...core.job import Job
    from ..caller import Caller


@verb(
    "status",
    epilog="""
    outlast job status ID
    outlast job status --exit-status ID; echo $?
    outlast job list --status running --output id | outlast job status -
    """,
)
@ids_argument
@exit_status_option
def status(caller: Caller, ids: tuple[str, ...]) -> int:
    """
    Tell how jobs stand, at once.

    Exit codes: 0 complete, 3 queued or running, 4 failed, 5 not found or expired, 6 partly
    complete, 7 timed out, 8 cancelled. Of several jobs: 5 or 3 if it is so for any, else the
    code that all have, else 6 if one is complete, else 4. An ID of - reads them from stdin.
    """
    from ...engine.verbs import Get

    wanted = read_ids(ids)
    found, error = each_of(wanted, lambda job_id: caller.service.get(Get(job_id)))
    jobs = caller.service.explained(found)

    def described(job: Job) -> str:
        from ..text import describe

        return describe(job)

    show(caller, jobs, wanted, described, error=error)
    return code_of(caller, jobs, error)
