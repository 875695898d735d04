"""`outlast schedule remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from .line import answer, schedules_of

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("remove", epilog="outlast schedule remove report")
@click.argument("schedule", metavar="NAME")
def remove(caller: Caller, schedule: str) -> int:
    """Forget it, and the environment of its jobs. No job is touched."""
    answer(caller, schedules_of(caller).remove(schedule))
    return 0
