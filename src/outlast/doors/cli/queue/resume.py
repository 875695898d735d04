"""`outlast queue resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from .line import answer

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("resume", epilog="outlast queue resume disk")
@click.argument("name", metavar="NAME")
def resume(caller: Caller, name: str) -> int:
    """Have a queue that was paused or is being drained take jobs and begin them again."""
    return answer(caller, caller.service.queues.resume(name))
