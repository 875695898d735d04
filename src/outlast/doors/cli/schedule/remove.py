"""`outlast schedule remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....engine.scheduledesk import public_schedule
from ....framework.completion import offer_schedules
from ....framework.lazy import verb
from .line import schedules_of, when

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("remove", epilog="outlast schedule remove report")
@click.argument("schedule", metavar="NAME", shell_complete=offer_schedules)
def remove(caller: Caller, schedule: str) -> int:
    """Forget it, and the environment of its jobs. No job is touched."""
    gone = schedules_of(caller).remove(schedule)
    caller.answer(lambda: public_schedule(gone), lambda: f"{gone.name} is removed: {when(gone)}")
    return 0
