"""`outlast webhook retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_jobs
from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("retry", epilog="outlast webhook retry ID")
@click.argument("job_id", metavar="ID", shell_complete=offer_jobs)
def retry(caller: Caller, job_id: str) -> int:
    """
    Try again at once what is not delivered of a job's webhooks, given up or not.

    What a receiver has already is not sent again. If this fails as well, the pauses begin anew.
    """
    from ....core.job import JobId
    from ....engine.verbs import Redeliver
    from .line import answer

    answer(caller, caller.service.redeliver(Redeliver(JobId(job_id))), "nothing is left to deliver")
    return 0
