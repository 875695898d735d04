"""
A named queue: how wide it is, what there is for what runs in it, and whether it gives turns.

One that nobody created is there as long as jobs are that name it, as wide as the last of them that says it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidRequest
from .frozen import frozen
from .limits import format_size, parse_size, positive_int, positive_number
from .naming import fault_of_name, is_name
from .reader import Reader

if TYPE_CHECKING:
    from .job import Job, Limits

OF_SCHEDULE: Final = "schedule:"
"""Before the name of a schedule whose runs wait for each other: the queue they do it in."""

MAX_NAMED: Final = 5
"""So many queues are named in one sentence."""

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
    if fault := fault_of_name(name, "a queue"):
        raise InvalidRequest(fault)
    return str(name)


def queue_fault(name: str) -> str | None:
    """
    Say what keeps jobs from naming a queue so; None: nothing. It is what one that is created may
    be called, so that each can be paused, or that of a schedule's runs.
    """
    return fault_of_name(name.removeprefix(OF_SCHEDULE), "a queue")


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
        elif name == "width" and str(value) == "0":
            reader.faults.append(
                "width: 0 would let nothing begin: pause the queue; none is the machine's own width"
            )
        else:
            how: Any = {"width": positive_int, "max_cpus": positive_number}.get(name, parse_size)
            read[name] = reader.read(f"{key}: ", how, value)
    if read.get("max_memory_bytes") == 0:
        reader.faults.append("max_memory: it is 0, and nothing would ever begin: pause the queue")
    if reader.faults:
        raise InvalidRequest(*reader.faults)
    return read


def _says_its_width(job: Job) -> bool:
    """Whether a job says how wide the queue is in which it stands: one that was moved said it of another."""
    return job.spec.queue_width is not None and job.queue == job.spec.queue


def strangers(jobs: Iterable[Job], created: Collection[str]) -> str | None:
    """
    Return what whoever submitted *jobs* is to be told where they name queues that are not among
    those that were *created*: names that may be mistyped. None: nothing.
    """
    named = {job.queue: job for job in jobs if job.queue and not _says_its_width(job)}
    strange = [name for name in named if is_name(name) and name not in created]
    if not strange:
        return None
    if len(strange) > 1:
        names = ", ".join(f"{name!r:.80}" for name in strange[:MAX_NAMED])
        more = f" and {len(strange) - MAX_NAMED:,} others" if len(strange) > MAX_NAMED else ""
        return (
            f"nobody has created the queues {names}{more}, and each is as wide as the machine,"
            " or as the queue_width of its other jobs says"
        )
    (name,) = strange
    told = stranger(name, created, lambda to: f"outlast job move --queue {to} {named[name].id}")
    return f"{told}, or --queue-width N"


def stranger(name: str, created: Collection[str], mend: Callable[[str], str]) -> str:
    """Return what is told of a queue that is not *created*; *mend* moves there what was meant for it."""
    from .near import near  # here, since it is for those who have made a slip

    told = (
        f"nobody has created a queue {name!r:.80}, and it is as wide as the machine, or as the"
        " queue_width of its other jobs says:"
    )
    if meant := near(name, created):
        told += f" was {meant} meant? {mend(meant)};"
    return f"{told} outlast queue create {name} --width N"
