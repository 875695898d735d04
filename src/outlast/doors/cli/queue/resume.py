"""`outlast queue resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....framework.lazy import verb
from .line import answer_each, which_queues

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "resume",
    epilog="""
    outlast queue resume disk tape
    outlast queue resume --all
    """,
)
@which_queues
def resume(caller: Caller, names: tuple[str, ...], of_all: bool) -> int:
    """Have queues that were paused or are being drained take jobs and begin them again."""
    queues = caller.service.queues
    return answer_each(caller, names, queues.resume, queues.resume_all if of_all else None)
