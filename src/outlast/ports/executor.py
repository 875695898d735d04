"""The seam between jobs and the places they run."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from ..core.frozen import frozen

if TYPE_CHECKING:
    from ..core.job import JobSpec
    from ..core.sight import Sight


@frozen
class Captured:
    """What a local caller's command inherits. Held in a private file until the start."""

    env: Mapping[str, str]
    umask: int = 0o022
    rlimits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Resource name (`NOFILE`) to soft and hard limit."""

    cwd: str = "/"
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the job's references stand for, by reference."""


@frozen
class Launch:
    """What to run. *key* is unique to one attempt of one node, and names its folder."""

    key: str
    spec: JobSpec
    captured: Captured
    node: str = "local"
    """The name of the node: where to run it."""

    traceparent: str | None = None
    """The span of whoever submitted the job."""


@dataclass(frozen=True)
class Handle:
    """
    Enough to find an attempt again after everything else has restarted.

    Made from what is stored since the claim, never from what a launch gave back: that is lost
    with whoever launched (docs/decisions/0016-a-handle-is-what-is-stored.md).
    """

    key: str


@frozen
class Capabilities:
    """What an executor can do here, declared instead of found out by failing."""

    refused_limits: Mapping[str, str] = field(default_factory=dict)
    """The limits of a job's that it cannot keep, by their names, and why."""

    absence: str | None = None
    """Why nothing can run there at all, and what helps; None where something may."""


class Executor(Protocol):
    """
    Somewhere that commands run.

    Keeps nothing in memory that matters: a fresh instance given a stored `Handle` answers as
    the one that made it would have.
    """

    async def launch(self, launch: Launch) -> None:
        """
        Start it, and return before it ends. Idempotent: a second call with the same key starts
        nothing. What comes of it, a failure to start included, is told by `watch`.

        Raises:
            OSError: It cannot be started for now, and was not: to be tried again.
        """

    def watch(self, handles: AsyncIterable[Handle]) -> AsyncIterator[tuple[str, Sight]]:
        """
        Tell the news of every attempt that was launched here or whose handle comes in, by key,
        as it happens.

        The first news of a handle says how things stand. News of one key comes in order:
        `Alive`, `Exited`, `Emptied`; or `Gone`. A handle that comes in again means that there may
        be news of which nobody told this executor: it looks, and tells nothing twice. Ends when
        *handles* does and all were told.
        """

    async def stop(self, handle: Handle, *, grace: timedelta) -> None:
        """Ask for all its processes to end. Returns at once; idempotent; silent if they have."""

    async def look(self, handle: Handle) -> Sight | None:
        """
        Say how it stands now, an end that has not been told yet included. None: nothing was done
        for it, so that it may still be given up by who has it to launch.
        """

    async def release(self, handle: Handle) -> None:
        """Forget an attempt that is over, and free what it held. Idempotent."""
