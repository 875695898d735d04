"""The seam between jobs and the places they run."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..core.job import JobSpec
    from ..core.sight import Sight


@dataclass(frozen=True, kw_only=True)
class Captured:
    """What a local caller's command inherits. Held in a private file until the start."""

    env: Mapping[str, str]
    umask: int = 0o022
    rlimits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Resource name (`NOFILE`) to soft and hard limit."""

    cwd: str = "/"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What to run. *key* is unique to one attempt of one node, and names its folder."""

    key: str
    spec: JobSpec
    captured: Captured


@dataclass(frozen=True)
class Handle:
    """Enough to find an attempt again after everything else has restarted. Stored data."""

    key: str
    version: int = 1
    data: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What an executor can do, declared instead of found out by failing."""

    survives_disconnect: bool
    """Whether commands outlive everything of ours, the connection included."""

    captures_environment: bool
    """Whether the caller's environment goes with the command."""

    needs_supervisor_to_cancel: bool
    """Whether a cancel asks the supervisor first, which takes in an end that is there already."""


class Executor(Protocol):
    """
    Somewhere that commands run.

    Keeps nothing in memory that matters: a fresh instance given a stored `Handle` answers as
    the one that made it would have.
    """

    capabilities: Capabilities

    async def launch(self, launch: Launch) -> Handle:
        """
        Start it, and return before it ends. Idempotent: a second call with the same key starts
        nothing. What comes of it, a failure to start included, is told by `watch`.
        """

    def watch(self, handles: AsyncIterable[Handle]) -> AsyncIterator[tuple[str, Sight]]:
        """
        Tell the news of every attempt whose handle comes in, by key, as it happens.

        The first news of a handle says how things stand. News of one key comes in order:
        `Alive`, `Exited`, `Emptied`; or `Gone`. Ends when *handles* does and all were told.
        """

    async def stop(self, handle: Handle, *, grace: timedelta) -> None:
        """Ask for all its processes to end. Returns at once; idempotent; silent if they have."""

    async def look(self, handle: Handle) -> Sight | None:
        """Say how it stands now, an end that has not been told yet included; None: not begun."""

    async def release(self, handle: Handle) -> None:
        """Forget an attempt that is over, and free what it held. Idempotent."""
