"""`outlast queue drain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....framework.lazy import verb
from .line import answer_each, which_queues

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "drain",
    epilog="""
    outlast queue drain disk
    outlast queue drain --all
    """,
)
@which_queues
def drain(caller: Caller, names: tuple[str, ...], of_all: bool) -> int:
    """
    Have queues take no more jobs. What is in them runs; `outlast queue resume` opens them again.

    `default` always takes jobs, and --all leaves it as it is.
    """
    queues = caller.service.queues
    return answer_each(caller, names, queues.drain, queues.drain_all if of_all else None)
