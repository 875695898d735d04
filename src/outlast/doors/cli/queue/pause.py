"""`outlast queue pause`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....framework.lazy import verb
from .line import answer_each, which_queues

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "pause",
    epilog="""
    outlast queue pause disk tape
    outlast queue pause --all
    """,
)
@which_queues
def pause(caller: Caller, names: tuple[str, ...], of_all: bool) -> int:
    """
    Have nothing more of queues begin. What runs goes on, and they take jobs as before.

    A --queue-timeout goes on as well: who waits too long has failed.
    """
    queues = caller.service.queues
    return answer_each(caller, names, queues.pause, queues.pause_all if of_all else None)
