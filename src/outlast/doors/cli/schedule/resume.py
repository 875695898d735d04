"""`outlast schedule resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_schedules
from ....framework.lazy import verb
from .line import answer, schedules_of

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("resume", epilog="outlast schedule resume report")
@click.argument("schedule", metavar="NAME", shell_complete=offer_schedules)
def resume(caller: Caller, schedule: str) -> int:
    """Have its times count again. Those that passed meanwhile were not missed."""
    answer(caller, schedules_of(caller).resume(schedule))
    return 0
