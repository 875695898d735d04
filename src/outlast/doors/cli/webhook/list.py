"""`outlast webhook list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_jobs
from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "list",
    epilog="""
    outlast webhook list ID
    outlast webhook list --state failed --json
    """,
)
@click.argument("job_id", metavar="[ID]", required=False, shell_complete=offer_jobs)
@click.option(
    "--state",
    "states",
    type=click.Choice(["due", "delivered", "failed"]),
    multiple=True,
    help="Only those that stand so; may be repeated.",
)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most.")
def list_deliveries(caller: Caller, job_id: str | None, states: tuple[str, ...], limit: int) -> int:
    """Tell what was sent when a job ended, newest first, and what came of each try."""
    from ....core.delivery import DeliveryState
    from ....core.job import JobId
    from ....engine.verbs import Deliveries
    from .line import answer

    request = Deliveries(
        job_id=None if job_id is None else JobId(job_id),
        states=frozenset(map(DeliveryState, states)),
        limit=limit,
    )
    answer(caller, caller.service.deliveries(request), "there is none")
    return 0
