"""
A named queue: how wide it is, what there is for what runs in it, and whether it gives turns.

One that nobody created is there as long as jobs are that name it, as wide as the last of them says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidRequest
from .frozen import frozen
from .limits import format_size, parse_size, positive_int, positive_number
from .reader import Reader

if TYPE_CHECKING:
    from .job import Limits

MAX_NAME: Final = 64
NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{MAX_NAME - 1}}}", re.ASCII)

LIMITS: Final = ("width", "max_cpus", "max_memory_bytes")
"""What can be set of a queue; None is no limit but the machine's."""


class QueueState(StrEnum):
    """Whether a queue gives turns, and takes submissions."""

    OPEN = "open"
    PAUSED = "paused"
    """It takes jobs, and begins none."""

    DRAINING = "draining"
    """It begins what is in it, and takes no more."""


@frozen
class Queue:
    """A queue that somebody created, or `default`."""

    name: str
    width: int | None = None
    """At most so many nodes of it run at once; None: as many as the machine has room for."""

    max_cpus: float | None = None
    """What the `limits.cpus` of the nodes that run in it may add up to."""

    max_memory_bytes: int | None = None
    state: QueueState = QueueState.OPEN
    created_at: datetime | None = None
    """None where nobody created it."""

    def refusals(self, limits: Limits) -> list[str]:
        """Return why it takes no job with these limits; nothing: it does."""
        faults = []
        if self.state is QueueState.DRAINING:
            faults.append(
                f"the queue {self.name} is being drained and takes no more jobs: name another, or"
                f" open it again: outlast queue resume {self.name}"
            )
        if self.max_cpus is not None and (limits.cpus or 0) > self.max_cpus:
            faults.append(
                f"limits.cpus is {limits.cpus:g}, and the queue {self.name} has {self.max_cpus:g}"
            )
        most = self.max_memory_bytes
        if most is not None and (limits.memory_bytes or 0) > most:
            faults.append(
                f"limits.memory_bytes is {format_size(limits.memory_bytes or 0)}, and the queue"
                f" {self.name} has {format_size(most)}"
            )
        return faults


@frozen
class QueueStanding:
    """A queue as it stands: *waiting* jobs of which nothing has begun, *running* nodes."""

    queue: Queue
    running: int = 0
    waiting: int = 0


def check_name(name: object) -> str:
    """Return what may be the name of a queue that is created. Raises InvalidRequest."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name!r:.80} is no name for a queue: letters, digits and . _ @ -, at most {MAX_NAME},"
            " the first a letter or a digit"
        )
    return name


def read_limits(given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what a caller says of a queue: some of `LIMITS`, as they are to be.

    `max_memory` is `max_memory_bytes` with a unit; None and `"none"` are no limit.

    Raises:
        InvalidRequest: Something is wrong with it; every fault is listed.
    """
    reader = Reader({})
    read: dict[str, Any] = {}
    for key, value in given.items():
        name = "max_memory_bytes" if key == "max_memory" else key
        if name not in LIMITS:
            reader.faults.append(f"{key!r:.80} is not one of {', '.join((*LIMITS, 'max_memory'))}")
        elif name in read:
            reader.faults.append("max_memory and max_memory_bytes are the same: give one")
        elif value is None or value == "none":
            read[name] = None
        else:
            how: Any = {"width": positive_int, "max_cpus": positive_number}.get(name, parse_size)
            read[name] = reader.read(f"{key}: ", how, value)
    if read.get("max_memory_bytes") == 0:
        reader.faults.append("max_memory: it is 0, and nothing would ever begin: pause the queue")
    if reader.faults:
        raise InvalidRequest(*reader.faults)
    return read
