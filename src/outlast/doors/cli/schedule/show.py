"""`outlast schedule show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_schedules
from ....framework.lazy import verb
from .line import lines, schedules_of

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("show", epilog="outlast schedule show report")
@click.argument("schedule", metavar="NAME", shell_complete=offer_schedules)
def show(caller: Caller, schedule: str) -> int:
    """Tell how one stands, what it runs, and when it is due the next five times."""
    schedules = schedules_of(caller)
    shown = schedules.show(schedule)
    caller.answer(lambda: shown, lambda: lines(shown, schedules.get(schedule)))
    return 0
