"""Leaving nothing of a container with its engine, however long that takes."""

from __future__ import annotations

from collections.abc import Callable

from .container import Container
from .engine import EngineError
from .outbox import Outbox
from .sleep import Backoff, Sleeper, mono_ms

COMES_MS = 10_000
"""How long a container is waited for that an engine may be making still: to be removed then."""

STILL_THERE_MS = 30_000
"""After so long a container that cannot be removed is told as that."""


def remove(
    container: Container, outbox: Outbox | None, sleeper: Sleeper, tell: Callable[[str], None]
) -> None:
    """
    Return once nothing is left of it; at once where no engine was ever reached. *tell* gets the
    words for it, once, where that takes long.
    """
    since, told, backoff = mono_ms(), False, Backoff()
    comes_until: int | None = None
    while True:
        try:
            was_there = container.remove()
            if was_there or not container.may_come:
                if outbox is not None:
                    outbox.remove()
                return
            comes_until = comes_until or mono_ms() + COMES_MS
            container.may_come = mono_ms() < comes_until
        except (OSError, EngineError) as error:
            may_exist = container.may_exist or (outbox is not None and outbox.may_exist)
            if isinstance(error, OSError) and not may_exist:
                return  # no engine was ever reached, so that none has to be waited for
            if not told and mono_ms() - since > STILL_THERE_MS:
                told = True
                tell(f"container {container.name} could not be removed: {error}")
        sleeper.sleep(backoff.next_ms())
