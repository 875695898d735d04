"""`outlast queue pause`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from .line import answer

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("pause", epilog="outlast queue pause disk")
@click.argument("name", metavar="NAME")
def pause(caller: Caller, name: str) -> int:
    """
    Have nothing more of a queue begin. What runs goes on, and it takes jobs as before.

    A --queue-timeout goes on as well: who waits too long has failed.
    """
    return answer(caller, caller.service.queues.pause(name))
