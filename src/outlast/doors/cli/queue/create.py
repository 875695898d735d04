"""`outlast queue create`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from .line import answer, limit_options, limits_of

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "create",
    epilog="""
    outlast queue create disk --width 1
    outlast queue create build --max-cpus 6 --max-memory 8g
    """,
)
@click.argument("name", metavar="NAME")
@limit_options
def create(caller: Caller, name: str, **limits: str | None) -> int:
    """
    Make a queue, for jobs that are submitted with --queue NAME.

    Its width comes before a job's own --queue-width. What waits in a queue of this name already
    stays in it. Said again, with the same limits, it changes nothing.
    """
    return answer(caller, caller.service.queues.create(name, **limits_of(**limits)))
