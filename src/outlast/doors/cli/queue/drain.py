"""`outlast queue drain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from .line import answer

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("drain", epilog="outlast queue drain disk")
@click.argument("name", metavar="NAME")
def drain(caller: Caller, name: str) -> int:
    """Have a queue take no more jobs. What is in it runs; `outlast queue resume` opens it again."""
    return answer(caller, caller.service.queues.drain(name))
