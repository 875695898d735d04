"""`outlast schedule list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....framework.lazy import verb
from ....framework.listing import output_option, printed
from .line import line, schedules_of

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "list",
    epilog="""
    outlast schedule list
    outlast schedule list --output id
    """,
)
@output_option
def list_schedules(caller: Caller, output: str | None) -> int:
    """Tell which there are: when each is due, and how many of its times were missed, and when."""
    from ....engine.scheduledesk import public_schedule

    found = schedules_of(caller).list()
    if printed(caller, output, (each.name for each in found)):
        return 0
    caller.answer(
        lambda: {"items": [public_schedule(each) for each in found]},
        lambda: "\n".join(map(line, found)) or "there is none",
    )
    return 0
