"""
Things that have happened to a node. Past tense, frozen, carrying their own time.

`Event`s move a node and are heard by `transition`; `Aftermath` is what may still be learnt of
one that has ended, and is heard by `settle`. News from a watcher carries the attempt it is of,
and is fenced by it; a cancel is not.
"""

from __future__ import annotations

from datetime import datetime

from .frozen import frozen
from .state import Reason


@frozen
class Event:
    """Something that moves a node."""

    at: datetime
    """When it happened. Always UTC."""


class CancelRequested(Event):
    """Somebody asked for the node to end."""


@frozen
class AttemptEvent(Event):
    """News of one attempt, from whoever was watching it."""

    attempt: int
    """Which attempt, counted from 1; 0 for a node that was never claimed."""


@frozen
class Claimed(AttemptEvent):
    """A supervisor took the node and began *attempt*, one more than the last."""

    boot_id: str
    """The boot of the machine under which it did: nothing started then survives a reboot."""


@frozen
class Started(AttemptEvent):
    """
    The command runs; how surely its whole process tree can be ended, and what it outlives; which
    image its container is made of.
    """

    containment: str
    survives: str | None = None
    image_id: str | None = None
    image_digest: str | None = None


class ShimLost(AttemptEvent):
    """Its shim is gone; the command lives on, kept under its clocks by others."""


@frozen
class Completed(AttemptEvent):
    """It ended as asked, with exit code 0."""

    stopped_at: datetime | None = None
    """When its last process was gone; None while one is left."""


@frozen
class Failed(AttemptEvent):
    """It ended otherwise, or could not begin."""

    reason: Reason
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    stopped_at: datetime | None = None
    """When its last process was gone; None while one is left, or nobody can say."""


@frozen
class Retried(AttemptEvent):
    """It ended as `Failed` has it, and is to be followed by another attempt."""

    reason: Reason
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    stopped_at: datetime | None = None
    """When its last process was gone; None while one is left, or nobody can say."""

    may_run: bool = False
    """It was given up, because nobody can see whether it runs."""

    retry_at: datetime
    """When the next attempt may begin."""


@frozen
class Aftermath:
    """Something learnt of an attempt that has ended already."""

    attempt: int


@frozen
class Stopped(Aftermath):
    """Every process of the attempt is gone, or nobody will ever look for them again."""

    at: datetime
    error: str | None = None
    """Why nobody will."""


@frozen
class CameLate(Aftermath):
    """The command's own exit code, learnt after the verdict."""

    exit_code: int


@frozen
class StopFailed(Aftermath):
    """The attempt's processes could not be ended, or not be seen to be."""

    error: str


@frozen
class Measured(Aftermath):
    """What the attempt left: bytes of output, and the last progress that it told."""

    stdout_bytes: int
    stderr_bytes: int
    progress_pct: float | None = None
    message: str | None = None
