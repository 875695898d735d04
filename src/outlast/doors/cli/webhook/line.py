"""A delivery as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....core.delivery import DeliveryState
from ....core.webhook import shown_url
from ....engine.deliverydesk import public_delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ....core.delivery import Delivery
    from ....framework.caller import Caller


def answer(caller: Caller, found: Sequence[Delivery], nothing: str) -> None:
    """Answer with *found*; people are told *nothing* where there is none."""
    caller.answer(
        lambda: {"items": [public_delivery(each) for each in found]},
        lambda: "\n".join(map(_lines, found)) or nothing,
    )


def _lines(delivery: Delivery) -> str:
    """Return one, and each try at it."""
    tries = "try" if delivery.attempts == 1 else "tries"
    head = (
        f"{delivery.job_id} {delivery.event} to {shown_url(delivery.url)}: {delivery.state} after"
        f" {delivery.attempts} {tries}"
    )
    if delivery.state is DeliveryState.DUE:
        head += f", next at {delivery.due_at:%Y-%m-%d %H:%M:%S}Z"
    return "\n".join(
        [
            head,
            *(
                f"  {each.at:%Y-%m-%d %H:%M:%S}Z {each.error or f'answered {each.status}'}"
                for each in delivery.tries
            ),
        ]
    )
