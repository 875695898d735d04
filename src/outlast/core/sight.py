"""
What an executor sees of one attempt. Not knowing is said aloud: `Gone` is neither success nor
failure by itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

from .frozen import frozen
from .state import Reason

OUTLIVED: Final = "outlived the command"
"""What a message says of background processes that were still there when their command ended."""


@frozen
class Preparing:
    """Its turn has come and its start is under way: an image is pulled, say. It has not run."""


@frozen
class Alive:
    """Its command runs."""

    started_at: datetime
    containment: str
    """How surely the whole process tree can be ended: `cgroup`, `subreaper` or `group`."""

    survives: str | None = None
    """What it outlives: `logout`, `session` or `container`; None if nobody said."""

    image_id: str | None = None
    image_digest: str | None = None
    """Of a container: which image it is made of, and where that was pulled from."""

    degraded: bool = False
    """Its shim is gone: the clocks are kept by the supervisor."""


@frozen
class Exited:
    """Its command ended, or never came to run, and this is the record of it."""

    at: datetime
    started_at: datetime | None
    """None: the command never ran, unless it was seen alive before."""

    containment: str | None = None
    survives: str | None = None
    image_id: str | None = None
    image_digest: str | None = None
    exit_code: int | None = None
    """0 to 255; None if a signal ended it, it never ran, or nobody can say."""

    signal: int | None = None
    reason: Reason | None = None
    """Why it ended, where it was not by itself: a limit, a cancel, or it could not start."""

    error: str | None = None
    may_run: bool = False
    """
    It is not over for want of a start: it was given up because nobody can see whether it ran, or
    runs; or what was made for it is still to be removed.
    """


@frozen
class Emptied:
    """After the end: the last process of its tree is gone, and its output is final."""

    at: datetime
    stdout_bytes: int
    stderr_bytes: int
    progress_pct: float | None = None
    message: str | None = None
    error: str | None = None
    """Why nobody could see that it is gone, and nobody will look any more."""


@frozen
class Unkillable:
    """After the end: processes are left that do not die."""

    error: str


@frozen
class Gone:
    """It is not there and left no record of how it ended."""

    rebooted: bool = False
    """The machine has been started anew since."""


Sight: TypeAlias = Preparing | Alive | Exited | Emptied | Unkillable | Gone
