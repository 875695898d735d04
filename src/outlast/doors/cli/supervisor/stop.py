"""`outlast supervisor stop`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller

PATIENCE: Final = timedelta(seconds=15)


@verb("stop", here=True, epilog="outlast supervisor stop")
def stop(caller: Caller) -> int:
    """
    Ask the supervisor to leave, and see it gone. No job is touched.

    What runs goes on, under its limits; what is queued waits. The next command that meets an
    unfinished job starts another supervisor.
    """
    from ....errors import Unavailable

    link = caller.link
    found = link.status()
    pid = None if found is None else found.get("pid")
    if found is not None and not link.leave(PATIENCE):
        raise Unavailable(
            f"The supervisor (pid {pid}) has not left within {PATIENCE.seconds} s",
            suggestion="Killing it harms no job: another one takes over",
        )
    caller.answer(
        lambda: {"stopped": found is not None, "pid": pid},
        lambda: "none was running" if found is None else f"pid {pid} has left",
    )
    return 0
