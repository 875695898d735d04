"""`outlast queue set`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_queues
from ....framework.lazy import verb
from .line import answer, limit_options, limits_of

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "set",
    epilog="""
    outlast queue set disk --width 4
    outlast queue set build --max-cpus none
    """,
)
@click.argument("name", metavar="NAME", shell_complete=offer_queues)
@limit_options
def set_queue(caller: Caller, name: str, **limits: str | None) -> int:
    """
    Change how wide a queue is, and what its jobs may take together; none takes a limit away.

    Made wider, it begins more at once. Made narrower, it stops nothing that runs.
    """
    return answer(caller, caller.service.queues.set(name, **limits_of(**limits)))
