"""The seam to whoever follows a request through many services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..core.job import Job
    from .executor import Launch


class Tracing(Protocol):
    """Tells of jobs in the terms of traces. Never waits for whoever is told, and never raises."""

    def environment(self, launch: Launch) -> Mapping[str, str]:
        """
        Return what a command is to have in its environment so that what it does is told as a part
        of its attempt. The same whenever it is asked for, by another process, too.
        """

    def stored(self, before: Job, after: Job) -> None:
        """Tell what this change of a job, which is on disk, has brought to its end. Once for each."""
