"""`outlast schedule pause`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_schedules
from ....framework.lazy import verb
from .line import answer, schedules_of

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("pause", epilog="outlast schedule pause report")
@click.argument("schedule", metavar="NAME", shell_complete=offer_schedules)
def pause(caller: Caller, schedule: str) -> int:
    """Have none of its times count, until it is resumed. What runs goes on."""
    answer(caller, schedules_of(caller).pause(schedule))
    return 0
