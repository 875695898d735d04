"""`outlast job hold`: have jobs wait until they are released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import verb
from ..many import each_of, ids_argument, read_ids, show

if TYPE_CHECKING:
    from ..caller import Caller


@verb(
    "hold",
    epilog="""
    outlast job hold ID
    outlast job list --status queued --output id | outlast job hold -
    """,
)
@ids_argument
def hold(caller: Caller, ids: tuple[str, ...]) -> int:
    """
    Have jobs that have not begun wait until they are released.

    One that has begun is left as it is, and told as an error (2).
    """
    from ...engine.verbs import Hold

    wanted = read_ids(ids)
    jobs, error = each_of(wanted, lambda job_id: caller.service.hold(Hold(job_id)))
    show(caller, jobs, wanted, lambda job: f"{job.id} is held", error=error)
    return 0 if error is None else error.exit_code
