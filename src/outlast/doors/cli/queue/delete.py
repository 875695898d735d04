"""`outlast queue delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_queues
from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("delete", epilog="outlast queue delete disk")
@click.argument("name", metavar="NAME", shell_complete=offer_queues)
def delete(caller: Caller, name: str) -> int:
    """Forget a queue in which nothing runs and nothing waits."""
    caller.service.queues.delete(name)
    caller.answer(lambda: {"deleted": name}, lambda: f"{name} is deleted")
    return 0
