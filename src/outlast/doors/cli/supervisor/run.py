"""`outlast supervisor run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("run", here=True, raw=True, epilog="outlast supervisor run")
def run(caller: Caller) -> int:
    """
    Be the supervisor, in the foreground, until there is nothing to do or SIGTERM comes.

    For service managers; by hand there is no need. If there is one already, this ends at once.
    """
    import gc

    from ....wiring import supervise

    gc.enable()  # off for short commands; this is none
    if not supervise(caller.settings):
        caller.say("another supervisor owns this home already, or it cannot be used")
    return 0
