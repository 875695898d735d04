"""`outlast schedule run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_schedules
from ....framework.lazy import verb
from .line import schedules_of

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("run", epilog="outlast schedule run report")
@click.argument("schedule", metavar="NAME", shell_complete=offer_schedules)
def run(caller: Caller, schedule: str) -> int:
    """Submit a job of it now, once, and return with its id. Its times stay as they are."""
    job = schedules_of(caller).run(schedule)
    caller.answer(lambda: caller.service.public(job), lambda: job.id)
    return 0
