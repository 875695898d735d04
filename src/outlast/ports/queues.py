"""The seam of queues: to the database that keeps them beside the jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..core.queue import Queue, QueueStanding


class Queues(Protocol):
    """
    The queues that somebody created. Each method is one transaction. Raises as `Store` does where
    the database cannot be used.
    """

    def find(self) -> Mapping[str, Queue]:
        """Return them by name. Quick, however many jobs there are."""

    def standings(self, of: str | None = None) -> tuple[QueueStanding, ...]:
        """
        Return them as they stand, by name, `default` first; and those that nobody created and that
        hold jobs. Or the one that is named alone, which counts no other's jobs.
        """

    def add(self, queue: Queue) -> None:
        """
        Store a new one. What waits in it already stays in it.

        Raises:
            Conflict: There is one of this name.
        """

    def change(self, *names: str, **fields: Any) -> None:
        """
        Have some fields of these be so from now on; `default` need not have been stored before.

        Raises:
            NotFound: There is none of one of these names. All are as they were.
        """

    def delete(self, name: str) -> None:
        """
        Forget one in which nothing is.

        Raises:
            NotFound: There is none of this name.

            NotTerminal: A job of it has not ended. It is as it was.
        """

    def close(self) -> None:
        """Let go of the database. Idempotent."""
