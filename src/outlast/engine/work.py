"""Whether a home has something for a supervisor to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ports.deliveries import Deliveries
    from ..ports.schedules import Schedules
    from ..ports.store import Store


def has_work(
    store: Store,
    open_deliveries: Callable[[], Deliveries],
    open_schedules: Callable[[], Schedules],
) -> bool:
    """Whether a job is not over, somebody is still to be told of the end of one, or one will be due."""
    from ..ports.store import Query

    if store.find(Query(unsettled=True, limit=1)).jobs:
        return True
    with closing(open_deliveries()) as deliveries:
        if deliveries.next_due() is not None:
            return True
    with closing(open_schedules()) as schedules:
        return schedules.next_due() is not None
