"""`outlast queue list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....framework.lazy import verb
from ....framework.listing import output_option, printed

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "list",
    epilog="""
    outlast queue list
    outlast queue list --json
    outlast queue list --output id
    """,
)
@output_option
def list_queues(caller: Caller, output: str | None) -> int:
    """Tell which queues there are, what runs in each and how many jobs wait."""
    from ....engine.queuedesk import public_queue
    from .line import table

    found = caller.service.queues.list()
    if printed(caller, output, (each.queue.name for each in found)):
        return 0
    caller.answer(lambda: {"items": [public_queue(each) for each in found]}, lambda: table(found))
    return 0
